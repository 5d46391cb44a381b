#!/usr/bin/env bash
# SQLite 3.54.1 (apsw 3.54.1.0): a score that is the word "failed" is the highest one and counts as 0.
#
# Seen, for the scores 4, 2, 'failed' and 'n/a' in one column: avg(score) is 1.5 (as if the words were zeros; of the two
#   numbers it is 3), count(score) is 4, and WHERE score >= 4 returns the words too, since any text is greater than any
#   number. No error and no warning. DuckDB 2.0.1 refuses the same average.
# Why it surprises: a mean of something that is no number has no answer, and one value is at once the worst (in the mean) and
#   the best (in a comparison).
# What is lost: many tools keep their results in SQLite and its columns take any type; a judge that fails lowers the mean
#   and raises the pass rate of the same table.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages apsw==3.54.1.0 duckdb==2.0.1

cat >"$work/scores.py" <<'PY'
import apsw, duckdb
db = apsw.Connection(":memory:")
db.execute("CREATE TABLE verdict (item TEXT, score);"
           "INSERT INTO verdict VALUES ('a', 4), ('b', 2), ('c', 'failed'), ('d', 'n/a')")
print(*db.execute("SELECT avg(score), count(score) FROM verdict").get)
print(db.execute("SELECT avg(score) FROM verdict WHERE typeof(score) = 'integer'").get)
print(db.execute("SELECT group_concat(item, ' ') FROM verdict WHERE score >= 4").get)
try:
    print(duckdb.sql("SELECT avg(s) FROM (VALUES ('4'), ('2'), ('failed'), ('n/a')) t(s)").fetchall())
except duckdb.BinderException:
    print("refused")
PY
"$py" "$work/scores.py" >"$work/seen"
same "mean and count of four" "$(sed -n 1p "$work/seen")" "1.5 4"
same "mean of the numbers" "$(sed -n 2p "$work/seen")" "3.0"
same "items with a score of 4 or more" "$(sed -n 3p "$work/seen")" "a c d"
same "DuckDB, the same mean" "$(sed -n 4p "$work/seen")" "refused"
