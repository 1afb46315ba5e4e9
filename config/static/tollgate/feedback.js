// <tollgate-feedback token="…">: thumbs for an answer, on any page. See docs/feedback.md.
const API = new URL("/v1/feedback", import.meta.url);
const LABELS = {
  up: "Good answer", down: "Bad answer", reasons: "What is wrong with it?", comment: "Comment", send: "Send",
  thanks: "Thank you.", failed: "That did not work. Try again.", closed: "This answer can't be rated any more.",
};
const THUMB = "M2 10h4v11H2zm20 1a2 2 0 0 0-2-2h-6l1-5.5L13.5 2 7.6 8.6 7 10v9l2 2h8.5l1.8-1.2 2.5-6.1z";
const STYLE = `:host{display:inline-block;--a:var(--tollgate-accent,#0f7f83);--l:var(--tollgate-line,color-mix(in srgb,currentColor 35%,transparent))}
[hidden],:host([hidden]){display:none!important}.row{display:flex;flex-wrap:wrap;align-items:center;gap:.4em}
button,textarea{font:inherit;color:inherit;background:none;border:1px solid var(--l);border-radius:var(--tollgate-radius,6px);padding:.3em .5em}
button{cursor:pointer}button:hover{border-color:var(--a)}[aria-pressed=true]{border-color:var(--a);background:color-mix(in srgb,var(--a) 25%,transparent)}
:focus-visible{outline:2px solid var(--a);outline-offset:2px}svg{display:block;width:1.2em;fill:currentColor}.down svg{transform:scaleY(-1)}
form{max-width:28em}p{margin:.6em 0 .3em}textarea{display:block;box-sizing:border-box;width:100%;margin:.2em 0 .5em}`;

const BUTTON = { type: "button", part: "button", ariaPressed: false };
const make = (tag, set, ...inside) => {
  const made = Object.assign(document.createElement(tag), set);
  made.append(...inside);
  return made;
};
const isPressed = (button) => button.ariaPressed === "true";

class Feedback extends HTMLElement {
  connectedCallback() {
    if (this.shadowRoot) return;
    this.thumbs = ["up", "down"].map((rating) => {
      const name = this.label(rating);
      const button = make("button", { ...BUTTON, className: rating, title: name, ariaLabel: name });
      button.innerHTML = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${THUMB}"/></svg>`;
      button.onclick = () => this.rate(rating);
      return button;
    });
    this.reasons = (this.getAttribute("reasons") || "").split(",").filter(Boolean).map((item) => {
      const [value, ...words] = item.trim().split(":");
      const button = make("button", { ...BUTTON, value }, words.join(":") || value);
      button.onclick = () => (button.ariaPressed = !isPressed(button));
      return button;
    });
    this.why = make("div", {}, make("p", {}, this.label("reasons")), make("div", { className: "row" }, ...this.reasons));
    this.comment = make("textarea", { rows: 2, maxLength: 2000 });
    const wish = make("p", { hidden: this.getAttribute("comment") === "off" }, make("label", {}, this.label("comment"), this.comment));
    this.form = make("form", { hidden: true, part: "form" }, this.why, wish, make("button", { part: "button" }, this.label("send")));
    this.form.onsubmit = async (event) => {
      event.preventDefault();
      const reasons = this.reasons.filter(isPressed).map((button) => button.value);
      this.form.hidden = await this.send(wish.hidden ? { reasons } : { reasons, comment: this.comment.value });
    };
    this.told = make("span", { role: "status", part: "text" });
    const row = make("div", { className: "row" }, ...this.thumbs, this.told);
    this.attachShadow({ mode: "open" }).append(make("style", {}, STYLE), row, this.form);
    this.saysMore = !wish.hidden;
  }

  label(name) {
    return this.getAttribute("label-" + name) ?? LABELS[name];
  }

  rate(rating) {
    this.mark(rating);
    this.why.hidden = rating === "up" || !this.reasons.length;
    this.form.hidden = this.why.hidden && !this.saysMore;
    this.send({});
  }

  mark(rating) {
    this.rating = rating;
    for (const thumb of this.thumbs) thumb.ariaPressed = thumb.className === rating;
  }

  send(more) {
    const vote = { ...(this.answer || { token: this.getAttribute("token") }), rating: this.rating, ...more };
    this.sending = Promise.resolve(this.sending).then(() => this.post(vote, 2)); // in the order of the clicks
    return this.sending;
  }

  async post(vote, tries) {
    const headers = { "content-type": "application/json", ...(await this.headers?.()) };
    const request = { method: "POST", credentials: "omit", headers, body: JSON.stringify(vote) };
    const reply = await fetch(API, request).catch(() => null);
    if (tries && (!reply || reply.status === 503)) {
      await new Promise((go) => setTimeout(go, 1500));
      return this.post(vote, tries - 1);
    }
    const isDone = !!reply?.ok;
    this.told.textContent = this.label(isDone ? "thanks" : [404, 410].includes(reply?.status) ? "closed" : "failed");
    if (isDone) {
      this.given = vote.rating;
      this.dispatchEvent(new CustomEvent("tollgate-feedback", { bubbles: true, composed: true, detail: await reply.json().catch(() => null) }));
    } else this.mark(this.given);
    return isDone;
  }
}

customElements.get("tollgate-feedback") || customElements.define("tollgate-feedback", Feedback);
