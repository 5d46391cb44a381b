#!/usr/bin/env bash
# langchain-core 1.8.3 (Python) and @langchain/core 1.4.0 (JavaScript): one mustache prompt, two texts.
#
# Seen: Python turns < > & " in a value of {{name}} into HTML entities before the text goes to the model; JavaScript,
#   with the same prompt and the same value, sends the value as it is. Neither says so.
# Why it surprises: a prompt is not a web page, both are "LangChain's mustache format", and prompts are stored once and
#   used from both languages. f-string and jinja2 prompts of the same library escape nothing.
# What is lost: code, comparisons, XML and quotations reach the model altered ("if a < b" as "if a &lt; b"). An
#   evaluation in Python measures other prompts than the JavaScript service sends, and token counts differ.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages langchain-core==1.8.3
node_packages @langchain/core@1.4.0

cat >"$work/prompt.py" <<'PY'
from langchain_core.prompts import ChatPromptTemplate, PromptTemplate
value = 'if a < b && c: print("x")'
chat = ChatPromptTemplate.from_messages([("user", "Fix this: {{code}}")], template_format="mustache")
print(chat.invoke({"code": value}).messages[0].content)
print(PromptTemplate.from_template("Fix this: {code}").format(code=value))
PY
cat >"$work/node/prompt.mjs" <<'JS'
import { PromptTemplate } from "@langchain/core/prompts";
const prompt = PromptTemplate.fromTemplate("Fix this: {{code}}", { templateFormat: "mustache" });
console.log(await prompt.format({ code: 'if a < b && c: print("x")' }));
JS
python=$("$py" "$work/prompt.py")
script=$(node "$work/node/prompt.mjs")
same "Python, mustache" "$(head -1 <<<"$python")" 'Fix this: if a &lt; b &amp;&amp; c: print(&quot;x&quot;)'
same "Python, f-string" "$(tail -1 <<<"$python")" 'Fix this: if a < b && c: print("x")'
same "JavaScript, mustache" "$script" 'Fix this: if a < b && c: print("x")'
