#!/usr/bin/env bash
# @traceloop/instrumentation-openai 0.27.0 (JavaScript, openai 6.49.0): a streamed call has invented token counts.
#
# Seen: one question asked twice of a server that reports 41 tokens in and 23 out. The plain call has 41 and 23; the streamed
#   one, whose last piece brought the same usage to the program, has 1 in and 2 out with enrichTokens: figures of a
#   tokenizer run over the visible text, under the same attribute names and without a mark.
# Why it surprises: the counts were in the stream that the instrumentation passes on, and gen_ai.usage.* is defined as what
#   the provider reports.
# What is lost: hidden parts (system text, tools, images, reasoning) are not counted: here 64 tokens become 3. Cost and
#   length change when an application turns streaming on, though nothing else did.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
node_packages @traceloop/instrumentation-openai@0.27.0 openai@6.49.0 @opentelemetry/sdk-trace-node@2.12.1

cat >"$work/node/server.mjs" <<'JS'
import http from "node:http";
// An OpenAI-compatible server on loopback that says 41 tokens in and 23 out.
const usage = { prompt_tokens: 41, completion_tokens: 23, total_tokens: 64 };
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const asked = JSON.parse(body);
    const head = { id: "c1", created: 1, model: asked.model };
    if (!asked.stream) {
      response.writeHead(200, { "content-type": "application/json" });
      const choice = { index: 0, message: { role: "assistant", content: "Paris." }, finish_reason: "stop" };
      return response.end(JSON.stringify({ ...head, object: "chat.completion", choices: [choice], usage }));
    }
    response.writeHead(200, { "content-type": "text/event-stream" });
    const piece = (rest) =>
      response.write(`data: ${JSON.stringify({ ...head, object: "chat.completion.chunk", ...rest })}\n\n`);
    piece({ choices: [{ index: 0, delta: { role: "assistant", content: "Paris." }, finish_reason: null }] });
    piece({ choices: [{ index: 0, delta: {}, finish_reason: "stop" }] });
    piece({ choices: [], usage });
    response.end("data: [DONE]\n\n");
  });
});
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
export const baseURL = `http://127.0.0.1:${server.address().port}/v1`;
export const close = () => (server.close(), server.closeAllConnections());
JS
cat >"$work/node/trace.cjs" <<'JS'
const { NodeTracerProvider, SimpleSpanProcessor, InMemorySpanExporter } = require("@opentelemetry/sdk-trace-node");
const { OpenAIInstrumentation } = require("@traceloop/instrumentation-openai");
const openai = require("openai");
(async () => {
  const { baseURL, close } = await import("./server.mjs");
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const instrumentation = new OpenAIInstrumentation({ enrichTokens: true });
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(openai.OpenAI);
  const { OpenAI } = openai;
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 });
  const ask = (content, more) =>
    client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content }], ...more });
  await ask("Hello");
  for await (const piece of await ask("Hello", { stream: true, stream_options: { include_usage: true } }))
    if (piece.usage) console.log("stream says", piece.usage.prompt_tokens, piece.usage.completion_tokens);
  await new Promise((done) => setTimeout(done, 300));
  for (const { attributes } of memory.getFinishedSpans())
    console.log("span", attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"]);
  close();
})();
JS
same "plain and streamed call" "$(node "$work/node/trace.cjs" | paste -sd'|')" \
    "stream says 41 23|span 41 23|span 1 2"
