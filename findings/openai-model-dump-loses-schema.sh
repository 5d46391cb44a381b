#!/usr/bin/env bash
# openai 3.57.0 (Python): model_dump() of an official reply renames "schema", so that a saved eval or answer has none.
#
# Seen: the API's own JSON of an eval and of a structured answer has the key "schema"; the objects the SDK makes of them
#   have it under "schema_" in model_dump() and model_dump_json(), and under "schema" in to_dict() and to_json().
# Why it surprises: model_dump() is the way to save a pydantic object, round trips with every other key, and the two
#   methods of one object disagree on the name of a field.
# What is lost: a saved evaluation looks complete, but any reader of the documented format finds no item schema in it, and a
#   request made again from a saved text.format asks for no schema.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages openai==3.57.0

cat >"$work/dump.py" <<'PY'
import json
from openai._models import construct_type
from openai.types import EvalRetrieveResponse
from openai.types.responses import Response
schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
evaluation = {"id": "eval_1", "object": "eval", "name": "tone", "created_at": 1, "metadata": {}, "testing_criteria": [],
              "data_source_config": {"type": "custom", "schema": schema}}
answer = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "output": [], "tools": [],
          "parallel_tool_calls": True, "tool_choice": "auto",
          "text": {"format": {"type": "json_schema", "name": "verdict", "schema": schema}}}

def key(saved):
    place = saved["data_source_config"] if "data_source_config" in saved else saved["text"]["format"]
    return ",".join(k for k in place if k.startswith("schema"))

for kind, reply in ((EvalRetrieveResponse, evaluation), (Response, answer)):
    read = construct_type(type_=kind, value=reply)
    print(key(reply), key(read.model_dump()), key(json.loads(read.model_dump_json())),
          key(read.to_dict()), key(json.loads(read.to_json())))
PY
"$py" "$work/dump.py" >"$work/seen"
same "eval: reply, model_dump, model_dump_json, to_dict, to_json" "$(sed -n 1p "$work/seen")" \
    "schema schema_ schema_ schema schema"
same "answer: the same" "$(sed -n 2p "$work/seen")" "schema schema_ schema_ schema schema"
