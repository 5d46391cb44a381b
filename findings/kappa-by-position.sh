#!/usr/bin/env bash
# scikit-learn 1.9.1: cohen_kappa_score(weights="quadratic") weighs places in a sorted list, not scores.
#
# Seen: with scores 1, 2 and 5 only, 2 and 5 are neighbours, and a judge that says 5 for a 2 is one step off: kappa 0.87
#   where the scale 1..5 gives 0.74. The same scores as text are sorted as text, so that "10" lies between "1" and "2":
#   0.51 where the numbers give 0.87.
# Why it surprises: scores are numbers and were passed as numbers; quadratic weights are defined by their distance; the
#   figure moves by which scores happen to occur in the sample.
# What is lost: a judge that skips the middle of the scale looks better than it is, two judges' kappas are not
#   comparable, and a resample of the cases can change the weights, hence any bootstrap interval too.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages scikit-learn==1.9.1

cat >"$work/kappa.py" <<'PY'
from sklearn.metrics import cohen_kappa_score as kappa
people = [1, 2, 5, 5, 2, 1, 5, 1, 5, 2]
judge = [1, 5, 5, 5, 5, 1, 5, 1, 5, 2]
print(f'{kappa(people, judge, weights="quadratic"):.3f}')
print(f'{kappa(people, judge, weights="quadratic", labels=[1, 2, 3, 4, 5]):.3f}')
people, judge = [1, 2, 10, 10, 9, 1], [1, 2, 10, 9, 9, 2]
print(f'{kappa(people, judge, weights="quadratic"):.3f}')
print(f'{kappa([*map(str, people)], [*map(str, judge)], weights="quadratic"):.3f}')
PY
"$py" "$work/kappa.py" >"$work/seen"
same "scores 1, 2, 5 as they come" "$(sed -n 1p "$work/seen")" "0.870"
same "the same on the scale 1 to 5" "$(sed -n 2p "$work/seen")" "0.739"
same "scores 1 to 10 as numbers" "$(sed -n 3p "$work/seen")" "0.867"
same "the same as text" "$(sed -n 4p "$work/seen")" "0.510"
