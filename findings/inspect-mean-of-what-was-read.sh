#!/usr/bin/env bash
# inspect-ai 0.3.285: accuracy 1.0 with most answers not graded, and a log that is not JSON.
#
# Seen: five answers; the grader says "GRADE: C" for two and gives no grade for three: accuracy 1.0, status "success". The
#   three are in results.scores[].unscored_samples only. In the JSON log their value is a bare NaN, which JSON does not
#   have: strict readers (here Node's) refuse the whole file.
# Why it surprises: an answer whose grade could not be read is neither right nor wrong, and a headline figure over two of
#   five says nothing of it; a file named .json is taken to be JSON.
# What is lost: the answers that confuse the grader, often the bad ones, leave the mean; and the log cannot be read by the
#   tool that would have noticed.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages inspect-ai==0.3.285

cat >"$work/task.py" <<'PY'
import os, sys
os.environ["INSPECT_DISPLAY"] = "none"
from inspect_ai import Task, eval
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import model_graded_fact
from inspect_ai.solver import generate

def says(*texts):
    outputs = [ModelOutput.from_content("m", text) for text in texts]
    for output in outputs:
        output.usage = ModelUsage(input_tokens=1, output_tokens=1, total_tokens=2)
    return get_model("mockllm/model", custom_outputs=outputs)

grader = says("Same.\n\nGRADE: C", "I cannot tell.", "Same.\n\nGRADE: C", "Hard to say.", "The answer is empty.")
[log] = eval(
    Task(dataset=[Sample(input=f"question {i}", target="Paris") for i in range(5)],
         solver=generate(), scorer=model_graded_fact(model=grader)),
    model=says(*["Paris"] * 5), log_dir=sys.argv[1], log_format="json", max_samples=1, max_connections=1)
[score] = log.results.scores
print(log.status, score.metrics["accuracy"].value, score.scored_samples, score.unscored_samples)
PY
same "status, accuracy, read, not read" "$("$py" "$work/task.py" "$work/logs" 2>"$work/errors" | tail -1)" "success 1.0 2 3"
same "the log read as JSON" "$(node -e '
    const fs = require("fs"), folder = process.argv[1], [file] = fs.readdirSync(folder).filter((f) => f.endsWith(".json"));
    const text = fs.readFileSync(folder + "/" + file, "utf8");
    try { JSON.parse(text); console.log("read"); } catch { console.log("refused, holds NaN: " + /:\s*NaN/.test(text)); }
    ' "$work/logs")" "refused, holds NaN: true"
