#!/usr/bin/env bash
# trulens-feedback 2.16.0: the score of a judge's sentence is the smallest number in it.
#
# Seen: "Score: 8. It makes 3 claims." gives 3, "9, since 2 of 2 facts are right" gives 2, "-5" gives 5. Where the
#   sentence holds "8/10" or "9 out of 10" it is right, but only because the scale's end is the larger number.
# Why it surprises: the figure that follows "Score:" is plainly the score; the call returns a number as for any other
#   reply, and a line in the log is the only sign.
# What is lost: scores fall whenever the judge names a count or a criterion's number; the more a judge
#   explains itself the lower the mean, so that wordier judges look stricter.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages trulens-feedback==2.16.0

cat >"$work/score.py" <<'PY'
import logging
logging.disable(logging.CRITICAL)
from trulens.feedback.generated import re_0_10_rating
for reply in ["8", "Score: 8/10", "Score: 8. It makes 3 claims.", "9, since 2 of 2 facts are right",
              "Criterion 1 is met. Score: 10", "-5"]:
    print(f"{reply!r} -> {re_0_10_rating(reply):g}")
PY
"$py" "$work/score.py" 2>"$work/log" >"$work/seen"
same "number alone" "$(sed -n 1p "$work/seen")" "'8' -> 8"
same "number with its scale" "$(sed -n 2p "$work/seen")" "'Score: 8/10' -> 8"
same "a count after it" "$(sed -n 3p "$work/seen")" "'Score: 8. It makes 3 claims.' -> 3"
same "counts in the reason" "$(sed -n 4p "$work/seen")" "'9, since 2 of 2 facts are right' -> 2"
same "a criterion's number" "$(sed -n 5p "$work/seen")" "'Criterion 1 is met. Score: 10' -> 1"
same "below the scale" "$(sed -n 6p "$work/seen")" "'-5' -> 5"
