#!/usr/bin/env bash
# pandas 3.1.1: read_json() makes numbers of ids that are JSON strings.
#
# Seen: "007" and "7" become the same id 7; "1e3" becomes 1000.0; a run id above 2^53 loses its last digits as soon as one
#   row has none (9007199254740993 becomes ...992), and stays exact where all rows have one.
# Why it surprises: JSON says by its quotation marks what is text; the same file read by json.loads, or written and read
#   back by pandas itself as Parquet, keeps it.
# What is lost: two cases become one in a join with the human labels, others find no partner ("007" against 7), and rows of
#   two runs are counted as one run's; each gives an ordinary mean of the wrong rows.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages pandas==3.1.1

cat >"$work/ids.py" <<'PY'
from io import StringIO
import pandas as pd

def read(*lines):
    return pd.read_json(StringIO("\n".join(lines)), lines=True)

verdicts = read('{"case": "007", "score": 5}', '{"case": "7", "score": 1}')
print(verdicts["case"].tolist(), verdicts.groupby("case")["score"].mean().to_dict())
print(read('{"case": "1e3"}', '{"case": "2"}')["case"].tolist())
print(read('{"run": 9007199254740993}', '{"run": 5}')["run"].tolist())
print([f"{x:.0f}" for x in read('{"run": 9007199254740993}', '{"case": 5}')["run"].dropna()])
PY
"$py" "$work/ids.py" >"$work/seen"
same "two cases, their means" "$(sed -n 1p "$work/seen")" "[7, 7] {7: 3.0}"
same "an id like 1e3" "$(sed -n 2p "$work/seen")" "[1000.0, 2.0]"
same "run ids, all there" "$(sed -n 3p "$work/seen")" "[9007199254740993, 5]"
same "run ids, one missing" "$(sed -n 4p "$work/seen")" "['9007199254740992']"
