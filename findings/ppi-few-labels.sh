#!/usr/bin/env bash
# ppi-python 0.2.3: a 95 % interval from few labels holds the truth in four of five worlds.
#
# Seen: 300 scores of a judge, ten random ones checked by people, most answers good (70 % fives), 500 worlds: the interval of
#   ppi_mean_ci(alpha=0.05) holds the true mean in about 80 % of them. The same with 200 checked: about 95 %.
# Why it surprises: the correction exists to make few labels count, accepts any number of them and says nothing; the
#   half-width is the normal one (1.96 standard errors) also for ten labels.
# What is lost: false alarms and false releases four times as often as stated, in the very setting that the method is for.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages ppi-python==0.2.3

cat >"$work/cover.py" <<'PY'
import numpy as np
from ppi_py import ppi_mean_ci
rng = np.random.default_rng(7)

def draw(n):
    people = rng.choice([1, 3, 4, 5], p=[0.05, 0.1, 0.15, 0.7], size=n)
    judge = np.clip(people + rng.choice([-1, 0, 1], p=[0.15, 0.6, 0.25], size=n), 1, 5)
    return people.astype(float), judge.astype(float)

true_mean = 0.05 * 1 + 0.1 * 3 + 0.15 * 4 + 0.7 * 5
for labelled in (10, 200):
    held = 0
    for _ in range(500):
        people, judge = draw(labelled)
        low, high = ppi_mean_ci(people, judge, draw(300)[1], alpha=0.05)
        held += float(np.squeeze(low)) <= true_mean <= float(np.squeeze(high))
    print("below 85 %" if held < 425 else "above 92 %" if held > 460 else "between", held)
PY
"$py" "$work/cover.py" >"$work/seen"
cat "$work/seen"
same "95 % interval, 10 labels" "$(sed -n 1p "$work/seen" | cut -d' ' -f1-3)" "below 85 %"
same "95 % interval, 200 labels" "$(sed -n 2p "$work/seen" | cut -d' ' -f1-3)" "above 92 %"
