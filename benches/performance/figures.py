"""DuckDB beside assize: the same aggregates over the rows of the same registry, copied into a file of DuckDB's own.

Usage: figures.py REGISTRY FOLDER PROMPT ARM_A ARM_B RUN. Prints one JSON object: for each question the middle of nine times in
milliseconds (in a running process, the file open and read before) and its answer, which the bench holds against assize's."""

import csv
import json
import sqlite3
import sys
import time
from pathlib import Path

import duckdb

registry, folder, prompt, arm_a, arm_b, run = sys.argv[1:7]
folder = Path(folder)

TABLES = {
    "verdict": (
        "SELECT run_id, seq, item, criterion, repeat, state, score, lower(hex(fingerprint)) FROM verdict",
        "run VARCHAR, seq INTEGER, item INTEGER, criterion INTEGER, repeat INTEGER, state VARCHAR, score INTEGER, fingerprint VARCHAR",
    ),
    "item": (
        "SELECT i.run_id, i.ord, i.case_id, a.name, a.seq, i.cluster FROM run_item i JOIN arm a ON a.id = i.arm_id",
        "run VARCHAR, item INTEGER, case_id VARCHAR, arm VARCHAR, revision INTEGER, cluster VARCHAR",
    ),
    "criterion": ("SELECT run_id, ord, name FROM run_criterion", "run VARCHAR, criterion INTEGER, name VARCHAR"),
    "run": ("SELECT id, seq, judge FROM run", "run VARCHAR, seq INTEGER, judge VARCHAR"),
    "review": (
        "SELECT run_id, id, item, criterion, reviewer, score FROM review",
        "run VARCHAR, id INTEGER, item INTEGER, criterion INTEGER, reviewer VARCHAR, score INTEGER",
    ),
}

source = sqlite3.connect(f"file:{registry}?mode=ro", uri=True)
con = duckdb.connect(str(folder / "figures.duckdb"))
for name, (sql, columns) in TABLES.items():
    rows = folder / f"{name}.csv"
    with open(rows, "w", newline="") as out:
        csv.writer(out).writerows(source.execute(sql))
    con.execute(f"CREATE TABLE {name} ({columns})")
    con.execute(f"COPY {name} FROM '{rows}' (HEADER false)")
    rows.unlink()
con.execute("CHECKPOINT")

# The newest verdict of each key.
NEWEST = """
newest AS (SELECT v.run, v.item, v.criterion, v.repeat, arg_max_null(v.score, v.seq) AS score
           FROM verdict v {where} GROUP BY ALL)"""

COMPARE = f"""
WITH {NEWEST.format(where="JOIN item i USING (run, item) WHERE i.arm IN ($a, $b)")},
passes AS (SELECT c.name, i.case_id, i.arm, avg(n.score) AS mean, count(n.score) AS scored, count(*) AS asked,
                  var_samp(n.score) AS within
           FROM newest n JOIN item i USING (run, item) JOIN criterion c USING (run, criterion) GROUP BY ALL),
pairs AS (SELECT a.name, a.case_id, a.mean AS a, b.mean AS b, b.mean - a.mean AS d
          FROM passes a JOIN passes b ON a.name = b.name AND a.case_id = b.case_id
          WHERE a.arm = $a AND b.arm = $b AND a.mean IS NOT NULL AND b.mean IS NOT NULL)
SELECT name, count(*), avg(a), avg(b), avg(d), stddev_samp(d) / sqrt(count(*)),
       count(*) FILTER (d > 1e-9), count(*) FILTER (abs(d) <= 1e-9), count(*) FILTER (d < -1e-9),
       (SELECT sum(scored) / sum(asked) FROM passes p WHERE p.name = pairs.name AND p.arm = $a),
       (SELECT sum(scored) / sum(asked) FROM passes p WHERE p.name = pairs.name AND p.arm = $b),
       (SELECT sqrt(avg(within)) FROM passes p WHERE p.name = pairs.name)
FROM pairs GROUP BY name ORDER BY name"""

TRENDS = f"""
WITH {NEWEST.format(where="JOIN item i USING (run, item) WHERE i.arm LIKE $p || '@r%'")},
cases AS (SELECT i.revision, c.name, i.case_id, avg(n.score) AS mean, count(*) - count(n.score) AS failed
          FROM newest n JOIN item i USING (run, item) JOIN criterion c USING (run, criterion) GROUP BY ALL),
change AS (SELECT b.revision, b.name, count(*) AS n, avg(b.mean - a.mean) AS d, stddev_samp(b.mean - a.mean) / sqrt(count(*)) AS se
           FROM cases a JOIN cases b ON b.name = a.name AND b.case_id = a.case_id AND b.revision = a.revision + 1
           WHERE a.mean IS NOT NULL AND b.mean IS NOT NULL GROUP BY ALL)
SELECT revision, name, avg(mean), stddev_samp(mean) / sqrt(count(mean)), count(mean), sum(failed), any_value(change.n),
       any_value(d), any_value(se)
FROM cases LEFT JOIN change USING (revision, name) GROUP BY revision, name ORDER BY name, revision"""

COVERAGE = f"""
WITH {NEWEST.format(where="")}
SELECT r.seq, c.name, count(n.score), count(*), count(n.score) / count(*)
FROM newest n JOIN criterion c USING (run, criterion) JOIN run r USING (run) GROUP BY r.seq, c.name ORDER BY r.seq, c.name"""

AGREEMENT = f"""
WITH {NEWEST.format(where="WHERE v.run = $run")},
judged AS (SELECT item, criterion, avg(score) AS judge FROM newest GROUP BY ALL HAVING count(score) > 0),
said AS (SELECT item, criterion, reviewer, arg_max(score, id) AS score FROM review WHERE run = $run GROUP BY ALL),
people AS (SELECT item, criterion, avg(score) AS people FROM said GROUP BY ALL),
pairs AS (SELECT criterion, people, judge, floor(people + .5) AS h, floor(judge + .5) AS j FROM people JOIN judged USING (item, criterion)),
ranked AS (SELECT *, rank() OVER (PARTITION BY criterion ORDER BY people) + (count(*) OVER (PARTITION BY criterion, people) - 1) / 2 AS rp,
                  rank() OVER (PARTITION BY criterion ORDER BY judge) + (count(*) OVER (PARTITION BY criterion, judge) - 1) / 2 AS rj FROM pairs),
chance AS (SELECT x.criterion, sum(x.n * y.n * (x.h - y.j) ** 2) / sum(x.n * y.n) AS expected FROM
           (SELECT criterion, h, count(*) AS n FROM pairs GROUP BY ALL) x JOIN
           (SELECT criterion, j, count(*) AS n FROM pairs GROUP BY ALL) y USING (criterion) GROUP BY 1)
SELECT c.name, count(*), avg((h = j)::INT), avg((abs(h - j) <= 1)::INT), avg(judge - people),
       1 - avg((h - j) ** 2) / any_value(chance.expected), corr(rp, rj), corr(people, judge)
FROM ranked JOIN chance USING (criterion) JOIN criterion c ON c.run = $run AND c.criterion = ranked.criterion
GROUP BY c.name ORDER BY c.name"""

QUESTIONS = {
    "compare": (COMPARE, {"a": arm_a, "b": arm_b}),
    "gate": (COMPARE, {"a": arm_a, "b": arm_b}),
    "trends": (TRENDS, {"p": prompt}),
    "coverage": (COVERAGE, {}),
    "agreement": (AGREEMENT, {"run": run}),
}
found = {"duckdb": duckdb.__version__}
for name, (sql, parameters) in QUESTIONS.items():
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        answer = con.execute(sql, parameters).fetchall()
        times.append(1e3 * (time.perf_counter() - begun))
    found[name] = {"ms": sorted(times[1:])[4], "answer": answer}
print(json.dumps(found))
