#!/usr/bin/env bash
# nunjucks 3.2.4 (the engine of promptfoo's prompts) against jinja2 3.1.6 and minijinja 3.1.0: one template, other prompts.
#
# Seen, same template and same values: {% if examples %} holds for an empty list in nunjucks and not in the two others; a
#   {% set %} inside a loop changes the variable outside in nunjucks only; 0 equals "" in nunjucks only.
# Why it surprises: nunjucks calls itself "jinja2 inspired", templates are moved between the tools, each parses without
#   a word, and both outputs look like a finished prompt.
# What is lost: the heading "Examples:" stands over nothing, counters and "first item" marks differ: what promptfoo
#   evaluates is not what a Python service sends.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages jinja2==3.1.6 minijinja==3.1.0
node_packages nunjucks@3.2.4

cat >"$work/node/templates.json" <<'JSON'
["{% if examples %}Examples:{% endif %}Q: {{ q }}",
 "{% set n = 0 %}{% for i in q %}{% set n = n + 1 %}{% endfor %}{{ n }} letters",
 "{% if count == '' %}no count{% else %}{{ count }} found{% endif %}"]
JSON
cat >"$work/render.py" <<'PY'
import json, sys
import jinja2, minijinja
values = {"examples": [], "q": "why", "count": 0}
for text in json.load(open(sys.argv[1])):
    a = jinja2.Environment().from_string(text).render(**values)
    b = minijinja.Environment().render_str(text, **values)
    print(a if a == b else f"{a} | {b}")
PY
cat >"$work/node/render.mjs" <<'JS'
import { readFileSync } from "node:fs";
import nunjucks from "nunjucks";
const engine = new nunjucks.Environment(null, { autoescape: false });
for (const text of JSON.parse(readFileSync(new URL("templates.json", import.meta.url), "utf8")))
  console.log(engine.renderString(text, { examples: [], q: "why", count: 0 }));
JS
same "jinja2 and minijinja" "$("$py" "$work/render.py" "$work/node/templates.json" | paste -sd'|')" \
    "Q: why|0 letters|0 found"
same "nunjucks" "$(node "$work/node/render.mjs" | paste -sd'|')" "Examples:Q: why|3 letters|no count"
