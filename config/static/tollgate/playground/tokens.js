/* The page's credential: a token that holds for some minutes, asked for when one is needed. */

const SPARE_MS = 60_000; // a call that begins now is still let in

export class Tokens {
  constructor(url, csrf) {
    this.url = url;
    this.csrf = csrf;
    this.token = "";
    this.endsAt = 0;
    this.asking = null;
  }

  /* A token that holds for a while. Two who ask at once get the same one. Throws a Problem. */
  async get() {
    if (Date.now() < this.endsAt - SPARE_MS) return this.token;
    this.asking ??= this.ask().finally(() => {
      this.asking = null;
    });
    return this.asking;
  }

  forget() {
    this.endsAt = 0;
  }

  async ask() {
    const reply = await fetch(this.url, {
      method: "POST",
      headers: { "x-csrftoken": this.csrf, accept: "application/json" },
    }).catch(() => null);
    if (!reply) throw new Problem("unreachable", 0, "");
    if (reply.status === 409) throw new Problem("playground_off", 409, "");
    if (reply.redirected || reply.status === 404) throw new Problem("signed_out", reply.status, "");
    if (reply.status === 403) throw new Problem("not_allowed", 403, "");
    if (!reply.ok) throw new Problem("unreachable", reply.status, "");
    const told = await reply.json();
    this.token = told.token;
    this.endsAt = Date.now() + told.expires_in * 1000;
    return this.token;
  }
}

/* What went wrong: the API's code and message, or one of the page's own codes. */
export class Problem extends Error {
  constructor(code, status, message, detail = null) {
    super(message);
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}
