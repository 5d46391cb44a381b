#!/usr/bin/env bash
# promptfoo 0.123.1: a judge's reply without a verdict passes with full marks.
#
# Seen in llm-rubric: {"verdict": "fail", "rating": 1} gives pass true, score 1 and the reason "Grading passed"; {"reason":
#   "Wrong."} gives pass true, score 1, reason "Wrong."; {"reason": "Wrong.", "score": 0.1} passes, and {"score": 4} is kept
#   as a score of 4 on a scale to 1. A reply that is no JSON at all is a fail with score 0.
# Why it surprises: the rubric asks for {reason, pass, score}; a reply without them is no verdict, and a refusal in prose is
#   taken for the opposite of a refusal in JSON.
# What is lost: judges that answer in their own words ("verdict", "rating", "grade"), as smaller models do, make every test
#   pass; a score above 1 lifts the mean of all others.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
# The optional packages are providers that are not used here. One of the databases' parts is optional too, but needed.
node_packages --omit=optional promptfoo@0.123.1 "@libsql/linux-$(node -p process.arch)-gnu@0.5.29"
export PROMPTFOO_CONFIG_DIR="$work/config" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1

cat >"$work/node/grade.mjs" <<'JS'
import { assertions } from "promptfoo";
for (const output of ['{"verdict": "fail", "rating": 1}', '{"reason": "Wrong."}', '{"reason": "Wrong.", "score": 0.1}',
  '{"reason": "Right.", "score": 4}', "I cannot judge this."]) {
  const provider = { id: () => "judge", callApi: async () => ({ output }) };
  const { pass, score, reason } = await assertions.matchesLlmRubric("is right", "an answer", { provider });
  console.log(pass, score, reason);
}
JS
node "$work/node/grade.mjs" >"$work/seen" 2>"$work/errors"
same "other words for fail" "$(sed -n 1p "$work/seen")" "true 1 Grading passed"
same "a reason alone" "$(sed -n 2p "$work/seen")" "true 1 Wrong."
same "a score of 0.1" "$(sed -n 3p "$work/seen")" "true 0.1 Wrong."
same "a score of 4" "$(sed -n 4p "$work/seen")" "true 4 Right."
same "prose" "$(sed -n 5p "$work/seen")" "false 0 Could not extract JSON from llm-rubric response"
