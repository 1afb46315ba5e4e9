/* The way to a request's trace, which is written some moments after its answer. */

const PAUSES_MS = [700, 1000, 1500, 2000, 3000, 4000, 5000, 5000, 5000, 10_000, 10_000, 10_000];

/* Where the trace of `req_…` is, or "" if it is not written within a minute. `isWanted()` tells whether anybody still waits. */
export async function traceOf(requestId, requestsUrl, isWanted) {
  const address = requestsUrl + asUuid(requestId) + "/";
  for (const pause of [0, ...PAUSES_MS]) {
    await new Promise((done) => setTimeout(done, pause));
    if (!isWanted()) return "";
    try {
      const reply = await fetch(address, { headers: { accept: "application/json" } });
      if (reply.status === 200) return (await reply.json()).url;
      if (reply.status !== 204) return ""; // signed out, say: the page's next call tells
    } catch {
      // not reached just now
    }
  }
  return "";
}

function asUuid(requestId) {
  return requestId.replace(/^req_/, "").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
