#!/usr/bin/env bash
# @arizeai/openinference-instrumentation-openai 4.2.7 (JavaScript, openai 6.49.0): a refused call leaves no span.
#
# Seen: three calls to one server: an answer, an error 429, a streamed answer. Two spans are made: none for the error; the
#   one of the stream has no token counts, although its last piece held them and the program received them.
# Why it surprises: the caller gets the exception, and errors are what tracing is for; nothing is logged.
# What is lost: the error rate read from the traces is 0 % whatever happens, failed cases are missing from a data set made of
#   traces, and streamed calls cost nothing.
set -euo pipefail
source "$(dirname "$0")/lib/common.sh"
node_packages @arizeai/openinference-instrumentation-openai@4.2.7 openai@6.49.0 @opentelemetry/sdk-trace-node@2.12.1

cat >"$work/node/server.mjs" <<'JS'
import http from "node:http";
// An OpenAI-compatible server on loopback that says 41 tokens in and 23 out, and refuses the prompt "fail".
const usage = { prompt_tokens: 41, completion_tokens: 23, total_tokens: 64 };
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part)).on("end", () => {
    const asked = JSON.parse(body);
    if (asked.messages[0].content === "fail") {
      response.writeHead(429, { "content-type": "application/json" });
      return response.end('{"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}}');
    }
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
const { OpenAIInstrumentation } = require("@arizeai/openinference-instrumentation-openai");
const openai = require("openai");
(async () => {
  const { baseURL, close } = await import("./server.mjs");
  const memory = new InMemorySpanExporter();
  const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] });
  const instrumentation = new OpenAIInstrumentation();
  instrumentation.setTracerProvider(provider);
  instrumentation.manuallyInstrument(openai);
  const { OpenAI } = openai;
  const client = new OpenAI({ apiKey: "none", baseURL, maxRetries: 0 });
  const ask = (content, more) =>
    client.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content }], ...more });
  await ask("Capital of France?");
  await ask("fail").catch((error) => console.log("raised", error.status));
  for await (const piece of await ask("Capital of France?", { stream: true, stream_options: { include_usage: true } }))
    if (piece.usage) console.log("stream says", piece.usage.prompt_tokens, piece.usage.completion_tokens);
  await new Promise((done) => setTimeout(done, 300));
  for (const { attributes } of memory.getFinishedSpans())
    console.log("span", attributes["llm.token_count.prompt"], attributes["llm.token_count.completion"]);
  close();
})();
JS
same "three calls" "$(node "$work/node/trace.cjs" | paste -sd'|')" \
    "raised 429|stream says 41 23|span 41 23|span undefined undefined"
