#!/usr/bin/env bash
# SQLite 3.54.1, DuckDB 2.0.1, Python's json, pydantic 2.14.4: one stored reply, two scores.
#
# Seen: a judge's reply that names its score twice, {"score": 2, "reason": "Looked again.", "score": 5}, is 2 for SQLite (with
#   and without jsonb) and for DuckDB's json_extract, 5 for Python's json and pydantic. DuckDB's read_json refuses it. Once
#   SQLite's json_set has written the first, Python still reads the second.
# Why it surprises: it is one text, each reader returns a number without a word, and the raw reply is kept precisely so that
#   it can be looked at again.
# What is lost: the figure on the screen (read by a program) and the one from a query over the raw replies differ, and a
#   correction made in SQL is not seen by the program.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages apsw==3.54.1.0 duckdb==2.0.1 pydantic==2.14.4

cat >"$work/read.py" <<'PY'
import json, sys
import apsw, duckdb
from pydantic import BaseModel

class Verdict(BaseModel):
    score: int

text = '{"score": 2, "reason": "Looked again.", "score": 5}'
db = apsw.Connection(":memory:")
plain, binary, corrected = db.execute(
    "SELECT ?1 ->> 'score', jsonb(?1) ->> 'score', json_set(?1, '$.score', 1)", (text,)).get
print("SQLite", plain, binary, "DuckDB", duckdb.execute("SELECT ?::JSON ->> 'score'", [text]).fetchone()[0])
print("json", json.loads(text)["score"], "pydantic", Verdict.model_validate_json(text).score)
print("json after json_set to 1:", json.loads(corrected)["score"])
with open(sys.argv[1], "w") as file:
    file.write(text + "\n")
try:
    print(duckdb.execute("SELECT * FROM read_json(?)", [sys.argv[1]]).fetchall())
except duckdb.InvalidInputException:
    print("refused")
PY
"$py" "$work/read.py" "$work/replies.jsonl" >"$work/seen"
same "first one" "$(sed -n 1p "$work/seen")" "SQLite 2 2 DuckDB 2"
same "last one" "$(sed -n 2p "$work/seen")" "json 5 pydantic 5"
same "a correction in SQL" "$(sed -n 3p "$work/seen")" "json after json_set to 1: 5"
same "DuckDB's read_json" "$(sed -n 4p "$work/seen")" "refused"
