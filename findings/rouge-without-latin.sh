#!/usr/bin/env bash
# rouge-score 0.1.2: an answer equal to its reference has ROUGE 0 in Russian or Japanese, and 1 where only a number agrees.
#
# Seen: equal sentences without Latin letters score 0.0 (rouge1 and rougeL); two different Russian sentences that share
#   only the digit 5 score 1.0. js-rouge 3.2.3 gives 1 and 0.33 for the same pairs.
# Why it surprises: equal texts score 1 by the definition of the measure; everything but a-z and 0-9 is thrown away before
#   counting, without a word, and the result is an ordinary number.
# What is lost: this is the ROUGE of Python's evaluation tools; a multilingual set gets zeros for right answers and full
#   marks for wrong ones, inside one mean with the English part.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages rouge-score==0.1.2
node_packages js-rouge@3.2.3

cat >"$work/node/pairs.json" <<'JSON'
[["The capital is Paris", "The capital is Paris"],
 ["Москва столица России", "Москва столица России"],
 ["東京は日本の首都です", "東京は日本の首都です"],
 ["Цена 5 рублей", "Вес 5 тонн"]]
JSON
cat >"$work/rouge.py" <<'PY'
import json, sys
from rouge_score.rouge_scorer import RougeScorer
scorer = RougeScorer(["rouge1"])
print(*(f"{scorer.score(a, b)['rouge1'].fmeasure:.2f}" for a, b in json.load(open(sys.argv[1], encoding="utf-8"))))
PY
cat >"$work/node/rouge.mjs" <<'JS'
import { readFileSync } from "node:fs";
import * as rouge from "js-rouge";
const pairs = JSON.parse(readFileSync(new URL("pairs.json", import.meta.url), "utf8"));
console.log(pairs.map(([a, b]) => rouge.n(a, b, { n: 1 }).toFixed(2)).join(" "));
JS
same "rouge-score: English, Russian, Japanese, other Russian" "$("$py" "$work/rouge.py" "$work/node/pairs.json")" \
    "1.00 0.00 0.00 1.00"
same "js-rouge: the same pairs" "$(node "$work/node/rouge.mjs")" "1.00 1.00 1.00 0.33"
