#!/usr/bin/env bash
# langchain-core 1.8.3 (Python): JsonOutputParser makes a whole verdict of a reply that was cut off.
#
# Seen: the reply of a judge that ran out of tokens, {"reason": "...", "score": 8 (of 85), is parsed to a score of 8; one
#   that ends in the middle of "true" loses the key. No exception, no mark. @langchain/core 1.4.0 (JavaScript), the same
#   class, raises for the same text.
# Why it surprises: this is parse(), not the reading of a stream in parts; the class is documented to raise
#   OutputParserException for what is not JSON, and does so for other faults.
# What is lost: 85 becomes 8 and enters the mean as a real score. It hits exactly the long, reasoned verdicts, which are
#   the ones that reach the limit.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages langchain-core==1.8.3
node_packages @langchain/core@1.4.0

cat >"$work/parse.py" <<'PY'
import json
from langchain_core.exceptions import OutputParserException
from langchain_core.output_parsers import JsonOutputParser
whole = '{"reason": "Complete and right.", "score": 85}'
for text in [whole, whole[:-2], whole[:-1], '{"reason": "Right.", "pass": tr', '{"reason": "Right." "score": 85}']:
    try:
        print(json.dumps(JsonOutputParser().parse(text)))
    except OutputParserException:
        print("refused")
PY
cat >"$work/node/parse.mjs" <<'JS'
import { JsonOutputParser } from "@langchain/core/output_parsers";
const whole = '{"reason": "Complete and right.", "score": 85}';
for (const text of [whole, whole.slice(0, -2)])
  console.log(await new JsonOutputParser().parse(text).then(JSON.stringify, () => "refused"));
JS
"$py" "$work/parse.py" >"$work/seen"
same "whole reply" "$(sed -n 1p "$work/seen")" '{"reason": "Complete and right.", "score": 85}'
same "cut in the number" "$(sed -n 2p "$work/seen")" '{"reason": "Complete and right.", "score": 8}'
same "cut before the brace" "$(sed -n 3p "$work/seen")" '{"reason": "Complete and right.", "score": 85}'
same "cut in the word true" "$(sed -n 4p "$work/seen")" '{"reason": "Right."}'
same "missing comma" "$(sed -n 5p "$work/seen")" 'refused'
same "JavaScript, whole and cut" "$(node "$work/node/parse.mjs" | paste -sd'|')" \
    '{"reason":"Complete and right.","score":85}|refused'
