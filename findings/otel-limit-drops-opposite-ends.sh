#!/usr/bin/env bash
# openinference-instrumentation-openai 0.1.66 with opentelemetry-sdk 1.45.2 (Python), and
# @arizeai/openinference-instrumentation-openai 4.2.7 with @opentelemetry/sdk-trace-node 2.12.1 (JavaScript):
# of one long conversation Python loses the system prompt, JavaScript the answer.
#
# Seen, for 82 messages: each message becomes several attributes and a span holds 128. Python drops the oldest: messages 22 to
#   81 and the answer are left. JavaScript refuses the newest: messages 0 to 60 are left and no answer. The spans say OK.
# Why it surprises: two libraries of one project, one specification, one call; what is left is a well-formed conversation that
#   starts or ends in the middle. The only sign on the span is a count of dropped attributes.
# What is lost: cases made from such traces are judged without the rules that the answer had to follow, or the answer is
#   missing, and long conversations, which fail more often, are the ones concerned.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
python_packages openinference-instrumentation-openai==0.1.66 openai==3.57.0 opentelemetry-sdk==1.45.2
node_packages @arizeai/openinference-instrumentation-openai@4.2.7 openai@6.49.0 @opentelemetry/sdk-trace-node@2.12.1

cat >"$work/call.py" <<'PY'
import json, logging, subprocess, sys, threading
from http.server import BaseHTTPRequestHandler, HTTPServer
logging.disable(logging.CRITICAL)
message = {"role": "assistant", "content": "THE ANSWER"}
reply = json.dumps({
    "id": "c1", "object": "chat.completion", "created": 1, "model": "m",
    "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}).encode()

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{server.server_port}/v1"
messages = [{"role": "system", "content": "THE RULES"}]
messages += [{"role": ("user", "assistant")[i % 2], "content": f"turn {i}"} for i in range(81)]

def tell(attributes, dropped, status):
    left = sorted({int(key.split(".")[2]) for key in attributes if key.startswith("llm.input_messages.")})
    text = json.dumps(attributes)
    print(f"messages {left[0]}-{left[-1]}, rules {'THE RULES' in text}, answer {'THE ANSWER' in text},",
          f"{len(attributes)} kept, some dropped {dropped > 0}, {status}")

from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
memory, provider = InMemorySpanExporter(), TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(memory))
OpenAIInstrumentor().instrument(tracer_provider=provider)
import openai
openai.OpenAI(api_key="none", base_url=url).chat.completions.create(model="m", messages=messages)
[span] = memory.get_finished_spans()
tell(dict(span.attributes), span.dropped_attributes, span.status.status_code.name)
out = subprocess.run(["node", sys.argv[1], url, json.dumps(messages)], capture_output=True, text=True, check=True).stdout
tell(*json.loads(out))
PY
cat >"$work/node/call.cjs" <<'JS'
const { NodeTracerProvider, SimpleSpanProcessor, InMemorySpanExporter } = require("@opentelemetry/sdk-trace-node");
const { OpenAIInstrumentation } = require("@arizeai/openinference-instrumentation-openai");
const openai = require("openai");
(async () => {
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const instrumentation = new OpenAIInstrumentation();
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(openai);
  const client = new openai.OpenAI({ apiKey: "none", baseURL: process.argv[2] });
  await client.chat.completions.create({ model: "m", messages: JSON.parse(process.argv[3]) });
  await new Promise((done) => setTimeout(done, 300));
  const [span] = memory.getFinishedSpans();
  console.log(JSON.stringify([span.attributes, span.droppedAttributesCount, ["UNSET", "OK", "ERROR"][span.status.code]]));
  process.exit(0);
})();
JS
"$py" "$work/call.py" "$work/node/call.cjs" >"$work/seen"
same "Python" "$(sed -n 1p "$work/seen")" \
    "messages 22-81, rules False, answer True, 128 kept, some dropped True, OK"
same "JavaScript" "$(sed -n 2p "$work/seen")" \
    "messages 0-60, rules True, answer False, 128 kept, some dropped True, OK"
