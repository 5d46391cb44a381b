#!/usr/bin/env bash
# deepeval 4.3.1: GEval takes any number for a score: 8.5 on a scale from 0 to 1.
#
# Seen: a judge that is asked for 0 to 10 and answers on 0 to 100, {"score": 85, ...}, gives a metric score of 8.5, a success;
#   -3 gives -0.3; true gives 0.1. Without a "reason" the same reply raises an error.
# Why it surprises: the documentation says that scores lie between 0 and 1, and the reply's other faults are refused.
# What is lost: one such answer among ten weighs as much as eight full marks; a mean of 0.5 can be nine zeros and one
#   answer on another scale. A bare "true" is among the worst scores, not a pass.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages deepeval==4.3.1
export DEEPEVAL_TELEMETRY_OPT_OUT=YES HOME="$work"

cat >"$work/judge.py" <<'PY'
from deepeval.metrics import GEval
from deepeval.models import DeepEvalBaseLLM
from deepeval.test_case import LLMTestCase, SingleTurnParams

class Says(DeepEvalBaseLLM):
    def __init__(self, text):
        self.text = text

    def load_model(self):
        return self

    def get_model_name(self):
        return "judge"

    def generate(self, prompt, schema=None):
        return self.text

    async def a_generate(self, prompt, schema=None):
        return self.text

case = LLMTestCase(input="Capital of France?", actual_output="Paris.")
for score in ("8", "85", "-3", "true"):
    metric = GEval(name="right", evaluation_steps=["Is it right?"], evaluation_params=[SingleTurnParams.ACTUAL_OUTPUT],
                   model=Says(f'{{"score": {score}, "reason": "It is."}}'), async_mode=False)
    metric.measure(case, _show_indicator=False)
    print(score, "->", metric.score, "passed" if metric.success else "failed")
PY
cd "$work"
"$py" judge.py 2>errors | grep -e '->' | paste -sd'|' >seen
same "score in the reply, score of the metric" "$(<seen)" "8 -> 0.8 passed|85 -> 8.5 passed|-3 -> -0.3 failed|true -> 0.1 failed"
