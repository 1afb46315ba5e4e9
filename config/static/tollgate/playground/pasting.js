/* A pasted conversation, in either API's format, as the page's own: { system, turns, parameters, left }.

   A turn is { role, text }, or { role, json } for a message that has more than text (pictures, tool calls) and is sent as it was pasted.
   `left` names what could not be taken along, so that nothing is dropped silently. */

const KNOWN = new Set([
  "model", "messages", "system", "temperature", "max_tokens", "max_completion_tokens", "stop", "stop_sequences",
  "response_format", "stream", "stream_options", "metadata", "user",
]);
const ANTHROPIC_PARTS = new Set(["image", "tool_use", "tool_result", "document", "thinking"]);

/* Throws a SyntaxError for what is no JSON, and an Error for JSON that is no conversation. */
export function read(text) {
  const pasted = JSON.parse(text);
  const body = Array.isArray(pasted) ? { messages: pasted } : pasted;
  if (!body || typeof body !== "object" || !Array.isArray(body.messages) || !body.messages.every(isMessage)) {
    throw new Error(gettext("There is no list of messages in it."));
  }
  const isAnthropic = speaksAnthropic(body);
  const left = [];
  let system = textOf(body.system) ?? "";
  const messages = [...body.messages];
  const first = messages[0];
  if (!system && first && ["system", "developer"].includes(first.role) && textOf(first.content) !== null) {
    system = textOf(first.content);
    messages.shift();
  }
  const turns = messages.flatMap((message) => turnsOf(message, isAnthropic, left));
  const parameters = parametersOf(body, isAnthropic, left);
  return { system, turns, parameters, left: [...new Set(left)] };
}

function isMessage(message) {
  return message && typeof message === "object" && typeof message.role === "string";
}

function speaksAnthropic(body) {
  if ("system" in body || "stop_sequences" in body || "thinking" in body) return true;
  return body.messages.some(
    (message) => Array.isArray(message.content) && message.content.some((part) => ANTHROPIC_PARTS.has(part?.type)),
  );
}

/* The text of a content that is nothing but text; null for any other. */
function textOf(content) {
  if (typeof content === "string") return content;
  if (!Array.isArray(content) || !content.length) return null;
  if (!content.every((part) => part?.type === "text" && typeof part.text === "string")) return null;
  return content.map((part) => part.text).join("\n\n");
}

function turnsOf(message, isAnthropic, left) {
  const text = textOf(message.content);
  const isPlain = text !== null && !message.tool_calls && message.role !== "tool";
  if (isPlain) return [{ role: message.role, text }];
  if (!isAnthropic) return [{ role: message.role, json: JSON.stringify(message, null, 2) }];
  const parts = (message.content || []).map((part) => chatPart(part, left)).filter(Boolean);
  if (!parts.length) return [];
  const joined = textOf(parts);
  if (joined !== null) return [{ role: message.role, text: joined }];
  return [{ role: message.role, json: JSON.stringify({ role: message.role, content: parts }, null, 2) }];
}

function chatPart(part, left) {
  if (part?.type === "text") return { type: "text", text: part.text };
  const source = part?.type === "image" ? part.source : null;
  if (source?.type === "base64") {
    return { type: "image_url", image_url: { url: `data:${source.media_type};base64,${source.data}` } };
  }
  if (source?.type === "url") return { type: "image_url", image_url: { url: source.url } };
  left.push(part?.type || gettext("a part without a type"));
  return null;
}

function parametersOf(body, isAnthropic, left) {
  const metadata = body.metadata || {};
  const tags = Array.isArray(metadata.tags) ? metadata.tags : String(metadata.tags || "").split(",");
  const found = {
    model: body.model,
    temperature: body.temperature,
    maxTokens: body.max_completion_tokens ?? body.max_tokens,
    stop: [body.stop ?? body.stop_sequences ?? []].flat(),
    stream: body.stream,
    endUser: metadata.user_id || body.user,
    tags: tags.map((tag) => String(tag).trim()).filter(Boolean),
    format: { json_object: "json", json_schema: "schema" }[body.response_format?.type] || "text",
    schema: body.response_format?.json_schema,
    extra: {},
  };
  for (const [name, value] of Object.entries(body)) {
    if (KNOWN.has(name)) continue;
    if (isAnthropic) left.push(name);
    else found.extra[name] = value;
  }
  return found;
}
