#!/usr/bin/env bash
# PyYAML 6.0.4 and js-yaml 5.5.0: one settings block, other values in eight of nine lines.
#
# Seen: temperature: 1e-3 is text in Python and 0.001 in JavaScript; max_tokens: 1_000 is 1000 and text; code: 010 is 8 and 10;
#   country: NO is False and "NO"; score: 1:30 is 90 and "1:30"; the key on: is True and "on"; an id above 2^53 is exact and
#   one less. case: 08 is text and 8. Both read the file without a word.
# Why it surprises: prompt files with such a head (prompty, dotprompt, GitHub Models, llm templates) are made to be read by
#   tools in both languages; each reader follows a specification, the older and the newer one.
# What is lost: the same file runs at another temperature or with none (a text is refused, or ignored), counts other
#   tokens, and names other cases, depending on which program opens it.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages PyYAML==6.0.4
node_packages js-yaml@5.5.0

cat >"$work/node/head.yaml" <<'YAML'
temperature: 1e-3
max_tokens: 1_000
code: 010
country: NO
score: 1:30
on: yesterday
run: 9007199254740993
half: 0.5
case: 08
YAML
cat >"$work/read.py" <<'PY'
import json, sys, yaml
print(*(f"{json.dumps(key)}={json.dumps(value)}" for key, value in yaml.safe_load(open(sys.argv[1])).items()))
PY
cat >"$work/node/read.mjs" <<'JS'
import { readFileSync } from "node:fs";
import * as yaml from "js-yaml";
const values = yaml.load(readFileSync(new URL("head.yaml", import.meta.url), "utf8"));
console.log(Object.entries(values).map(([key, value]) => `${JSON.stringify(key)}=${JSON.stringify(value)}`).join(" "));
JS
same "PyYAML" "$("$py" "$work/read.py" "$work/node/head.yaml")" \
    '"temperature"="1e-3" "max_tokens"=1000 "code"=8 "country"=false "score"=90 true="yesterday" "run"=9007199254740993 "half"=0.5 "case"="08"'
same "js-yaml" "$(node "$work/node/read.mjs")" \
    '"temperature"=0.001 "max_tokens"="1_000" "code"=10 "country"="NO" "score"="1:30" "on"="yesterday" "run"=9007199254740992 "half"=0.5 "case"=8'
