/* A run as code: the same call from a shell, Python and Node, with the SDKs that applications use. Pure: strings from a request.

   `request`: { url, body, headers, system, turns, maxTokens }; `body` is a chat completion's. */

const KEY = "TOLLGATE_API_KEY";

/* [{ name, code }], for the tabs of a dialog. */
export function snippets(request) {
  const made = [
    { name: "curl", code: curl(request) },
    { name: "Python, openai", code: pythonOpenai(request) },
  ];
  if (canBeMessages(request)) made.push({ name: "Python, anthropic", code: pythonAnthropic(request) });
  made.push({ name: "Node, openai", code: nodeOpenai(request) });
  if (canBeMessages(request)) made.push({ name: "Node, anthropic", code: nodeAnthropic(request) });
  return made;
}

function curl({ url, body, headers }) {
  const lines = [
    `curl ${shell(`${url}/v1/chat/completions`)}`,
    `  -H "authorization: Bearer $${KEY}"`,
    `  -H "content-type: application/json"`,
    ...Object.entries(headers).map(([name, value]) => `  -H ${shell(`${name}: ${value}`)}`),
    `  -d ${shell(JSON.stringify(body, null, 2))}`,
  ];
  if (body.stream) lines.splice(1, 0, "  -N");
  return lines.join(" \\\n");
}

function pythonOpenai({ url, body, headers }) {
  const { given, extra } = split(body);
  const call = [
    ...Object.entries(given).map(([name, value]) => `    ${name}=${python(value, 1)},`),
    ...(Object.keys(extra).length ? [`    extra_body=${python(extra, 1)},`] : []),
    ...(Object.keys(headers).length ? [`    extra_headers=${python(headers, 1)},`] : []),
  ];
  const end = body.stream
    ? `for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)`
    : `print(answer.choices[0].message.content)`;
  return `import os

from openai import OpenAI

client = OpenAI(base_url=${python(`${url}/v1`)}, api_key=os.environ["${KEY}"])
answer = client.chat.completions.create(
${call.join("\n")}
)
${end}`;
}

function pythonAnthropic(request) {
  const { url, headers, body } = request;
  const call = Object.entries(messagesOf(request)).map(([name, value]) => `    ${name}=${python(value, 1)},`);
  if (Object.keys(headers).length) call.push(`    extra_headers=${python(headers, 1)},`);
  const made = body.stream
    ? `with client.messages.stream(\n${call.join("\n")}\n) as stream:\n    for text in stream.text_stream:\n        print(text, end="", flush=True)`
    : `message = client.messages.create(\n${call.join("\n")}\n)\nprint(message.content[0].text)`;
  return `import os

from anthropic import Anthropic

client = Anthropic(base_url=${python(url)}, api_key=os.environ["${KEY}"])
${made}`;
}

function nodeOpenai({ url, body, headers }) {
  const options = Object.keys(headers).length ? `, { headers: ${JSON.stringify(headers)} }` : "";
  const end = body.stream
    ? `for await (const chunk of answer) process.stdout.write(chunk.choices[0]?.delta?.content ?? "");`
    : `console.log(answer.choices[0].message.content);`;
  return `import OpenAI from "openai";

const client = new OpenAI({ baseURL: ${JSON.stringify(`${url}/v1`)}, apiKey: process.env.${KEY} });
const answer = await client.chat.completions.create(${JSON.stringify(body, null, 2)}${options});
${end}`;
}

function nodeAnthropic(request) {
  const { url, headers, body } = request;
  const options = Object.keys(headers).length ? `, { headers: ${JSON.stringify(headers)} }` : "";
  const asked = JSON.stringify(messagesOf(request), null, 2);
  const made = body.stream
    ? `const stream = client.messages.stream(${asked}${options});\nfor await (const event of stream) {\n  if (event.delta?.type === "text_delta") process.stdout.write(event.delta.text);\n}`
    : `const message = await client.messages.create(${asked}${options});\nconsole.log(message.content[0].text);`;
  return `import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: ${JSON.stringify(url)}, apiKey: process.env.${KEY} });
${made}`;
}

/* Whether Anthropic's format can say the same: plain texts of users and assistants, and no form of output. */
function canBeMessages({ body, turns }) {
  return turns.every((turn) => turn.json === undefined && ["user", "assistant"].includes(turn.role)) && !body.response_format && !body.tools;
}

function messagesOf({ body, system, turns, maxTokens }) {
  return {
    model: body.model,
    max_tokens: maxTokens || 1024,
    ...(system ? { system } : {}),
    messages: turns.map((turn) => ({ role: turn.role, content: turn.text })),
    ...(body.temperature !== undefined ? { temperature: body.temperature } : {}),
    ...(body.stop ? { stop_sequences: [body.stop].flat() } : {}),
    ...(body.user ? { metadata: { user_id: body.user } } : {}),
  };
}

const SDK_KNOWS = new Set([
  "model", "messages", "temperature", "max_completion_tokens", "stop", "stream", "stream_options", "response_format", "user", "tools",
  "tool_choice", "top_p", "seed", "n", "metadata", "reasoning_effort", "parallel_tool_calls", "presence_penalty", "frequency_penalty",
]);

function split(body) {
  const entries = Object.entries(body);
  return {
    given: Object.fromEntries(entries.filter(([name]) => SDK_KNOWS.has(name))),
    extra: Object.fromEntries(entries.filter(([name]) => !SDK_KNOWS.has(name))),
  };
}

function shell(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/* A value as Python writes it. */
export function python(value, depth = 0) {
  const pad = "    ".repeat(depth + 1);
  const end = "    ".repeat(depth);
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (typeof value === "string") return JSON.stringify(value).replaceAll("\u2028", "\\u2028").replaceAll("\u2029", "\\u2029");
  if (typeof value !== "object") return String(value);
  if (Array.isArray(value)) {
    if (!value.length) return "[]";
    return `[\n${value.map((item) => `${pad}${python(item, depth + 1)},\n`).join("")}${end}]`;
  }
  const entries = Object.entries(value);
  if (!entries.length) return "{}";
  return `{\n${entries.map(([name, item]) => `${pad}${JSON.stringify(name)}: ${python(item, depth + 1)},\n`).join("")}${end}}`;
}
