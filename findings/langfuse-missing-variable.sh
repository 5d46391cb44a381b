#!/usr/bin/env bash
# langfuse 5.0.4 (Python) and @langfuse/client 5.11.1 (JavaScript): compile() of one stored prompt gives two texts.
#
# Seen, same prompt and same values: a variable without a value stays as "{{name}}" in Python and is nothing in
#   JavaScript; a list or an object is Python's repr there and "[object Object]" or "a,b" here; a comment tag
#   {{! ... }} is sent to the model by Python and dropped by JavaScript.
# Why it surprises: both are the official clients of one prompt registry, and the method has one name and one
#   description. Neither raises or warns.
# What is lost: a version that was tested with one client is another prompt with the other. In JavaScript a forgotten
#   variable leaves no trace in the text that could be searched for afterwards.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages langfuse==5.0.4
node_packages @langfuse/client@5.11.1

cat >"$work/compile.py" <<'PY'
from langfuse.api import Prompt_Text
from langfuse.model import TextPromptClient
text = "Answer {{name}} from {{facts}} and {{more}}.{{! keep it short }}"
prompt = TextPromptClient(
    Prompt_Text(name="p", version=1, config={}, labels=[], tags=[], prompt=text, type="text"))
print(prompt.compile(facts=["a", "b"], more={"k": True}))
PY
cat >"$work/node/compile.mjs" <<'JS'
import { TextPromptClient } from "@langfuse/client";
const prompt = new TextPromptClient({
  name: "p", version: 1, config: {}, labels: [], tags: [], type: "text",
  prompt: "Answer {{name}} from {{facts}} and {{more}}.{{! keep it short }}",
});
console.log(prompt.compile({ facts: ["a", "b"], more: { k: true } }));
JS
same "Python" "$("$py" "$work/compile.py")" "Answer {{name}} from ['a', 'b'] and {'k': True}.{{! keep it short }}"
same "JavaScript" "$(node "$work/node/compile.mjs")" "Answer  from a,b and [object Object]."
