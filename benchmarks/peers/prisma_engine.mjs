// LiteLLM's query layer, Prisma's engine, behind the HTTP that its Python client speaks. The engine proper is native and is not ours: it is
// the library that Prisma's JavaScript client loads into its process. The executable that the Python client would start has the same
// engine and a server of its own; it is to be had from Prisma's server alone, the library from the package registry.
//
//   node prisma_engine.mjs LIBRARY --version
//   node prisma_engine.mjs LIBRARY -p PORT ...        environment: PRISMA_DML_PATH, OVERWRITE_DATASOURCES, the schema's variables
//
// Bodies and answers are passed on as text, so that what this adds is Node's HTTP server. Nothing is decided here.

import { readFileSync } from "node:fs";
import { createServer } from "node:http";

const [libraryPath, ...options] = process.argv.slice(2);
const library = { exports: {} };
process.dlopen(library, libraryPath);
const { QueryEngine, version } = library.exports;

if (options.includes("--version")) {
  console.log(`query-engine ${version().commit}`);
  process.exit(0);
}

const overrides = JSON.parse(process.env.OVERWRITE_DATASOURCES || "[]");
const engine = new QueryEngine(
  {
    datamodel: readFileSync(process.env.PRISMA_DML_PATH, "utf8"),
    env: { ...process.env },
    datasourceOverrides: Object.fromEntries(overrides.map(({ name, url }) => [name, url])),
    configDir: ".",
    ignoreEnvVarErrors: false,
    logLevel: "error",
    logQueries: false,
  },
  (line) => console.error(line),
);
const trace = "{}";
await engine.connect(trace);

async function answer(method, url, body, transaction) {
  if (method === "POST" && url === "/") return engine.query(body, trace, transaction);
  if (url === "/status" || url === "/health") return '{"status":"ok"}';
  if (method === "POST" && url === "/transaction/start") return engine.startTransaction(body, trace);
  const [, id, verb] = /^\/transaction\/([^/]+)\/(commit|rollback)$/.exec(url) ?? [];
  if (verb === "commit") return engine.commitTransaction(id, trace);
  if (verb === "rollback") return engine.rollbackTransaction(id, trace);
  return undefined;
}

async function serve(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  let status = 200;
  let text;
  try {
    const { method, url, headers } = request;
    text = await answer(method, url, Buffer.concat(chunks).toString(), headers["x-transaction-id"]);
    if (text === undefined) [status, text] = [404, "{}"];
  } catch (error) {
    // The library throws what the executable would answer with: an error's JSON as the message.
    [status, text] = [500, JSON.stringify({ errors: [{ error: String(error.message), user_facing_error: {} }] })];
  }
  const bytes = Buffer.from(text || "{}");
  response.writeHead(status, { "content-type": "application/json", "content-length": bytes.length });
  response.end(bytes);
}

const server = createServer({ keepAliveTimeout: 600_000 }, (request, response) => {
  serve(request, response).catch(() => response.destroy()); // the client has gone
});
server.listen(Number(options[options.indexOf("-p") + 1])); // on both of localhost's addresses
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
