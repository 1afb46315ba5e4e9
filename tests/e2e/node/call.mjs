// One call with an official SDK, as an application would make it. Reads {sdk, baseUrl, apiKey, model, stream, prompt, ...} from
// standard input and prints what came back, or the class and status of the error that the SDK raised.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";
import { text } from "node:stream/consumers";

const call = JSON.parse(await text(process.stdin));

async function withOpenAI() {
  const client = new OpenAI({ baseURL: `${call.baseUrl}/v1`, apiKey: call.apiKey, maxRetries: 0 });
  const messages = [{ role: "user", content: call.prompt }];
  if (!call.stream) {
    const { data, response } = await client.chat.completions.create({ model: call.model, messages, user: "node" }).withResponse();
    return {
      text: data.choices[0].message.content,
      finish: data.choices[0].finish_reason,
      usage: { input: data.usage.prompt_tokens, output: data.usage.completion_tokens },
      requestId: response.headers.get("x-request-id"),
    };
  }
  const stream = await client.chat.completions.create({
    model: call.model,
    messages,
    user: "node",
    stream: true,
    stream_options: { include_usage: true },
  });
  const got = { text: "", chunks: 0 };
  for await (const chunk of stream) {
    got.text += chunk.choices[0]?.delta?.content ?? "";
    got.finish = chunk.choices[0]?.finish_reason ?? got.finish;
    if (chunk.usage) got.usage = { input: chunk.usage.prompt_tokens, output: chunk.usage.completion_tokens };
    got.chunks += 1;
  }
  return got;
}

async function withAnthropic() {
  const client = new Anthropic({ baseURL: call.baseUrl, apiKey: call.apiKey, maxRetries: 0 });
  const request = {
    model: call.model,
    max_tokens: 1000,
    messages: [{ role: "user", content: call.prompt }],
    metadata: { user_id: "node" },
  };
  const message = call.stream
    ? await client.messages.stream(request).finalMessage()
    : await client.messages.create(request);
  return {
    text: message.content.map((block) => block.text ?? "").join(""),
    finish: message.stop_reason,
    usage: { input: message.usage.input_tokens, output: message.usage.output_tokens },
    requestId: message._request_id,
  };
}

try {
  console.log(JSON.stringify(await (call.sdk === "openai" ? withOpenAI() : withAnthropic())));
} catch (error) {
  console.log(JSON.stringify({ error: error.constructor.name, status: error.status ?? null, message: error.message }));
}
