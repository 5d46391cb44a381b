#!/usr/bin/env bash
# krippendorff 0.9.0 and irrCAC 0.4.4: "Krippendorff's alpha, ordinal" of one table is 0.44 or 0.73.
#
# Seen: two raters, 20 items, most scores 5. Nominal and squared (interval) alpha are equal in both libraries to four digits;
#   ordinal alpha is 0.44 in one and 0.73 in the other. krippendorff takes the distance of two scores from how often those
#   between them occur, irrCAC from their places alone.
# Why it surprises: name, level and data are the same, both cite the same statistic, and the other two levels agree; on
#   scores spread evenly the two are within 0.01, so that a first check finds nothing.
# What is lost: 0.667 is the usual limit below which no conclusion is drawn: the same raters are below it in one library and
#   above it in the other, most of all where nearly all scores are good, as a judge's are.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages krippendorff==0.9.0 irrCAC==0.4.4

cat >"$work/alpha.py" <<'PY'
import krippendorff
import numpy as np
import pandas as pd
from irrCAC.raw import CAC
skewed = ([5, 5, 5, 5, 5, 5, 2, 5, 1, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5],
          [5, 5, 5, 5, 5, 4, 1, 5, 1, 5, 4, 4, 5, 5, 4, 5, 5, 4, 5, 5])
even = ([1, 2, 2, 3, 5, 5, 4, 1, 2, 5, 3, 5], [1, 2, 3, 3, 5, 4, 4, 1, 5, 5, 3, 5])
for raters, level, weights in ((skewed, "nominal", "identity"), (skewed, "interval", "quadratic"),
                               (even, "ordinal", "ordinal"), (skewed, "ordinal", "ordinal")):
    table = np.array(raters, float)
    one = krippendorff.alpha(table, level_of_measurement=level)
    other = CAC(pd.DataFrame(table.T), weights=weights).krippendorff()["est"]["coefficient_value"]
    print(f"{one:.2f} {other:.2f}")
PY
"$py" -W ignore "$work/alpha.py" >"$work/seen"
same "nominal: krippendorff, irrCAC" "$(sed -n 1p "$work/seen")" "0.23 0.23"
same "interval: the same" "$(sed -n 2p "$work/seen")" "0.89 0.89"
same "ordinal, scores spread evenly" "$(sed -n 3p "$work/seen")" "0.78 0.79"
same "ordinal, most scores 5" "$(sed -n 4p "$work/seen")" "0.44 0.73"
