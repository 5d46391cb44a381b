#!/usr/bin/env bash
# statsmodels 0.15.0: two raters who both left an item out agree perfectly on it.
#
# Seen: aggregate_raters() makes NaN a category of its own, and fleiss_kappa() counts it: six items on which two raters
#   agree no better than chance have kappa -0.03; with six items added that nobody rated it is 0.60.
# Why it surprises: NaN is how pandas and numpy say "no rating" and every mean in both leaves it out; nothing warns.
# What is lost: an unfinished rating sheet gets better agreement than a finished one, up to "substantial" from nothing.
#   krippendorff 0.9.0 on the same two tables gives the same figure for both.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages statsmodels==0.15.0 krippendorff==0.9.0

cat >"$work/kappa.py" <<'PY'
import krippendorff
import numpy as np
from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa
rated = np.array([[1, 1], [1, 2], [2, 1], [2, 2], [1, 1], [2, 1]], float)
unrated = np.full((6, 2), np.nan)
for table in (rated, np.vstack([rated, unrated])):
    counts, categories = aggregate_raters(table)
    alpha = krippendorff.alpha(table.T, level_of_measurement="nominal")
    print(f"categories {categories.tolist()} kappa {fleiss_kappa(counts):.2f} alpha {alpha:.2f}")
PY
"$py" "$work/kappa.py" >"$work/seen"
same "six rated items" "$(sed -n 1p "$work/seen")" "categories [1.0, 2.0] kappa -0.03 alpha 0.06"
same "and six that nobody rated" "$(sed -n 2p "$work/seen")" "categories [1.0, 2.0, nan] kappa 0.60 alpha 0.06"
