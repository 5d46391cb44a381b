#!/usr/bin/env bash
# judgy 0.1.0: the interval of a corrected pass rate has no width, however few answers were judged.
#
# Seen: a judge that was right on all 60 labelled answers passes 14 of 20 new ones: estimate 0.70, "95 % interval" 0.70 to
#   0.70. Where the judge errs, nothing in the interval depends on how many answers were judged: of 300 worlds with 20
#   judged answers it holds the truth in about 90, not in 285.
# Why it surprises: the interval is given as one for the true pass rate; but only the labelled answers are resampled, the
#   share of the judged ones is taken as exact.
# What is lost: "70 % +- 0" from 20 answers, where 14 of 20 alone leave 48 to 85 % open (Wilson).
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages judgy==0.1.0

cat >"$work/rate.py" <<'PY'
import numpy as np
from judgy import estimate_success_rate
np.random.seed(1)
labels = [1] * 30 + [0] * 30
rate, low, high = estimate_success_rate(labels, labels, [1] * 14 + [0] * 6, bootstrap_iterations=500)
print(f"{rate:.2f} [{low:.2f}, {high:.2f}]")

def judge(truth):
    """Right on 90 % of the good answers and on 85 % of the bad ones."""
    return np.where(np.random.random(truth.size) < np.where(truth == 1, 0.9, 0.85), truth, 1 - truth)

held = 0
for _ in range(300):
    labels = np.repeat([1, 0], 100)
    answers = (np.random.random(20) < 0.7).astype(int)
    _, low, high = estimate_success_rate(labels, judge(labels), judge(answers), bootstrap_iterations=200)
    held += low <= 0.7 <= high
print(f"held {held} of 300")
print("less than half" if held < 150 else "half or more")
PY
"$py" "$work/rate.py" >"$work/seen"
sed -n 2p "$work/seen"
same "faultless judge, 14 of 20 pass" "$(sed -n 1p "$work/seen")" "0.70 [0.70, 0.70]"
same "how often a 95 % interval holds the truth" "$(sed -n 3p "$work/seen")" "less than half"
