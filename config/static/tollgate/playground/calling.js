/* One call of the API, as an application would make it, and what can be known of it: answer, times, tokens, cost, headers. */

import { Problem } from "./tokens.js";

const COST = /^: x-tollgate-cost-usd (\S+)/;
const PREFIX = /^: x-tollgate-prefix-cache (.+)/;

/* Make the call. `saw(result)` is called whenever more is known. Resolves to the result, however the call ends. */
export async function call({ api, tokens, body, headers, signal, saw }) {
  const result = {
    requestId: "",
    text: "",
    reasoning: "",
    calls: [],
    finish: "",
    usage: null,
    costUsd: null,
    headers: {},
    ttftMs: null,
    latencyMs: null,
    problem: null,
    isStopped: false,
    isDone: false,
  };
  let started = performance.now();
  try {
    for (const isFirst of [true, false]) {
      const token = await tokens.get();
      started = performance.now();
      const reply = await fetch(`${api}chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers, authorization: `Bearer ${token}` },
        body: JSON.stringify(body),
        signal,
      });
      if (reply.status === 401 && isFirst) {
        tokens.forget(); // it ended early: another secret, or the clock
        continue;
      }
      result.headers = Object.fromEntries(reply.headers);
      result.requestId = reply.headers.get("x-request-id") || "";
      const cost = reply.headers.get("x-tollgate-cost-usd");
      if (cost !== null) result.costUsd = Number(cost);
      if (!reply.ok) throw problemOf(reply.status, await reply.json().catch(() => null));
      if ((reply.headers.get("content-type") || "").startsWith("text/event-stream")) {
        await readStream(reply, result, started, saw);
      } else {
        readWhole(await reply.json(), result);
      }
      break;
    }
  } catch (error) {
    if (signal.aborted) result.isStopped = true;
    else result.problem = error instanceof Problem ? error : new Problem("unreachable", 0, String(error.message || error));
  }
  result.latencyMs = performance.now() - started;
  result.isDone = true;
  saw(result);
  return result;
}

function problemOf(status, told) {
  const error = told?.error ?? {};
  return new Problem(error.code || "failed", status, error.message || `HTTP ${status}`, error.detail ?? null);
}

function readWhole(answer, result) {
  const choice = answer.choices?.[0];
  take(choice?.message, result);
  result.finish = choice?.finish_reason || "";
  result.usage = usageOf(answer.usage);
}

async function readStream(reply, result, started, saw) {
  const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const events = (waiting + value).split("\n\n");
    waiting = events.pop();
    for (const event of events) readEvent(event, result, started);
    saw(result);
  }
}

function readEvent(event, result, started) {
  const cost = COST.exec(event);
  if (cost) result.costUsd = Number(cost[1]);
  const prefix = PREFIX.exec(event);
  if (prefix) result.headers["x-tollgate-prefix-cache"] = prefix[1];
  const data = event
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5).trim())
    .join("\n");
  if (!data || data === "[DONE]") return;
  const chunk = JSON.parse(data);
  if (chunk.error) throw problemOf(200, chunk);
  if (chunk.usage) result.usage = usageOf(chunk.usage);
  const choice = chunk.choices?.find((item) => item.index === 0);
  if (!choice) return;
  if (take(choice.delta, result) && result.ttftMs === null) result.ttftMs = performance.now() - started;
  result.finish = choice.finish_reason || result.finish;
}

/* Add what a message, or a piece of one, says; whether it says anything. */
function take(said, result) {
  if (!said) return false;
  const text = (said.content || "") + (said.refusal || "");
  const reasoning = said.reasoning_content || said.reasoning || "";
  result.text += text;
  if (typeof reasoning === "string") result.reasoning += reasoning;
  for (const [place, part] of (said.tool_calls || []).entries()) {
    const called = (result.calls[part.index ?? place] ??= { name: "", arguments: "" });
    called.name += part.function?.name || "";
    called.arguments += part.function?.arguments || "";
  }
  return Boolean(text || reasoning || said.tool_calls?.length);
}

function usageOf(usage) {
  if (!usage) return null;
  return {
    input: usage.prompt_tokens ?? 0,
    output: usage.completion_tokens ?? 0,
    cached: usage.prompt_tokens_details?.cached_tokens ?? 0,
    reasoning: usage.completion_tokens_details?.reasoning_tokens ?? 0,
  };
}

/* Where the call would go, and why; null if nobody says. */
export async function explain({ api, tokens, body, headers }) {
  try {
    const token = await tokens.get();
    const reply = await fetch(`${api}route/explain`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers, authorization: `Bearer ${token}` },
      body: JSON.stringify(body),
    });
    return reply.ok ? await reply.json() : null;
  } catch {
    return null;
  }
}
