#!/usr/bin/env bash
# scipy 1.17.1: a case on which nothing changed makes wilcoxon() significant.
#
# Seen: five cases changed, all for the better: p = 0.0625, the smallest that five changes can give, also beside eight cases
#   on which nothing changed. With a ninth such tie p is 0.025. From 14 cases on, ties included, method="auto" goes from
#   counting to the normal approximation, and then drops the ties that took it there. Counting by hand (all 32 signs)
#   gives 0.0625 each time.
# Why it surprises: one more case of "no change" cannot make a change likelier, and a test that leaves ties out should
#   not depend on how many there were.
# What is lost: on scores 1 to 5 ties are the rule, so prompts are called better at 0.05 from five cases, which no exact
#   test could do.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages scipy==1.17.1

cat >"$work/p.py" <<'PY'
import itertools
from scipy.stats import rankdata, wilcoxon
for d in ([1] * 5, [0] * 8 + [1] * 5, [0] * 9 + [1] * 5):
    changed = [x for x in d if x]
    ranks = rankdata([abs(x) for x in changed])
    middle = sum(ranks) / 2
    seen = abs(sum(r for r, x in zip(ranks, changed) if x > 0) - middle)
    signs = list(itertools.product([0, 1], repeat=len(changed)))
    exact = sum(abs(sum(r for r, s in zip(ranks, v) if s) - middle) >= seen for v in signs) / len(signs)
    print(f"p {wilcoxon(d).pvalue:.4f} counted {exact:.4f}")
PY
"$py" -W ignore "$work/p.py" >"$work/seen"
same "five better" "$(sed -n 1p "$work/seen")" "p 0.0625 counted 0.0625"
same "five better, eight ties" "$(sed -n 2p "$work/seen")" "p 0.0625 counted 0.0625"
same "five better, nine ties" "$(sed -n 3p "$work/seen")" "p 0.0253 counted 0.0625"
