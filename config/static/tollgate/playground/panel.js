/* One answer: the text as it comes, what it cost and which way it went, and thumbs. */

import { show } from "./markdown.js";
import { traceOf } from "./tracing.js";
import { advice, count, dollars, duration, title } from "./words.js";

const CACHED = { hit: "hit", stale: "stale" };

export class Panel {
  /* `root` is a copy of the page's template. `keep(text)` goes on with the conversation. `settings.credential` resolves to headers. */
  constructor(root, { settings, keep }) {
    this.root = root;
    this.settings = settings;
    this.part = (name) => root.querySelector(`[data-part="${name}"]`);
    this.part("continue").addEventListener("click", () => keep(this.result.text));
    this.part("copy").addEventListener("click", () => this.copy());
    this.isDrawn = true;
  }

  begin(model) {
    this.root.hidden = false;
    this.root.dataset.state = "running";
    this.result = null;
    this.part("model").textContent = model;
    this.part("state").textContent = gettext("Asking …");
    for (const name of ["text", "problem", "route", "headers", "thumbs"]) this.part(name).replaceChildren();
    for (const name of ["reasoning", "problem", "after", "details", "trace"]) this.part(name).hidden = true;
    for (const fact of this.root.querySelectorAll("[data-fact]")) fact.textContent = "–";
  }

  /* Show what is known, once a frame at most: a long answer comes in many pieces. */
  saw(result) {
    this.result = result;
    if (!this.isDrawn) return;
    this.isDrawn = false;
    requestAnimationFrame(() => {
      this.isDrawn = true;
      this.draw();
    });
  }

  draw() {
    const { result } = this;
    const text = this.part("text");
    const isAtEnd = text.scrollTop + text.clientHeight >= text.scrollHeight - 8;
    show(text, result.text);
    for (const called of result.calls.filter(Boolean)) {
      const block = document.createElement("pre");
      block.textContent = `${called.name}(${called.arguments})`;
      text.append(block);
    }
    if (isAtEnd && !result.isDone) text.scrollTop = text.scrollHeight;
    this.part("reasoning").hidden = !result.reasoning;
    this.part("reasoning-text").textContent = result.reasoning;
    this.facts(result);
    if (!result.isDone) {
      if (result.text || result.reasoning) this.part("state").textContent = gettext("Answering …");
      return;
    }
    this.finish(result);
  }

  facts(result) {
    const { headers, usage } = result;
    const cost = result.isStopped && result.costUsd === null ? gettext("not known yet") : dollars(result.costUsd);
    this.fact("cost", cost);
    this.fact("first", duration(result.ttftMs));
    this.fact("time", duration(result.latencyMs));
    if (usage) {
      const cached = usage.cached ? interpolate(gettext(" (%s from the provider's cache)"), [count(usage.cached)]) : "";
      this.fact("tokens", interpolate(gettext("%s in%s, %s out"), [count(usage.input), cached, count(usage.output)]));
    }
    const cache = headers["x-tollgate-cache"];
    if (cache) this.fact("cache", cacheInWords(headers));
    const served = headers["x-tollgate-model"];
    if (served) this.fact("served", interpolate(gettext("%s at %s"), [served, headers["x-tollgate-provider"] || "?"]));
  }

  fact(name, text) {
    this.root.querySelector(`[data-fact="${name}"]`).textContent = text;
  }

  finish(result) {
    const state = result.problem ? "failed" : result.isStopped ? "stopped" : "done";
    this.root.dataset.state = state;
    this.part("state").textContent = stateInWords(result);
    if (result.problem) this.fail(result.problem);
    this.part("after").hidden = !result.text;
    this.part("details").hidden = !Object.keys(result.headers).length;
    this.showHeaders(result);
    this.leadToTrace(result);
    if (result.text && !result.problem && result.requestId) this.offerThumbs(result.requestId);
  }

  fail(problem) {
    const box = this.part("problem");
    box.hidden = false;
    const said = document.createElement("p");
    const strong = document.createElement("strong");
    strong.textContent = `${title(problem)}. `;
    said.append(strong, problem.message);
    box.replaceChildren(said);
    const next = advice(problem, this.settings.links);
    if (!next.text) return;
    const todo = document.createElement("p");
    todo.append(`${next.text} `);
    if (next.link) todo.append(linkTo(next.link, next.linkText));
    box.append(todo);
  }

  offerThumbs(requestId) {
    const thumbs = document.createElement("tollgate-feedback");
    thumbs.setAttribute("reasons", Object.entries(this.settings.reasons).map((pair) => pair.join(":")).join(","));
    thumbs.answer = { request_id: requestId };
    thumbs.headers = this.settings.credential;
    this.part("thumbs").replaceChildren(thumbs);
    this.thumbs = thumbs;
  }

  /* To the request's own page; while there is none yet, that is said. */
  async leadToTrace(result) {
    const { requestId } = result;
    const said = this.part("trace");
    said.hidden = !requestId;
    if (!requestId) return;
    said.textContent = gettext("Its trace is being written. The link to it appears here in a moment.");
    const isWanted = () => this.result === result;
    const url = await traceOf(requestId, this.settings.requestsUrl, isWanted);
    if (!isWanted()) return;
    if (url) return said.replaceChildren(linkTo(url, gettext("Open its trace")));
    const search = `${this.settings.links.request}?q=${encodeURIComponent(requestId)}`;
    said.replaceChildren(`${gettext("Its trace is not written yet.")} `, linkTo(search, gettext("Look for it in the request log")));
  }

  showHeaders(result) {
    const { headers } = result;
    const list = this.part("headers");
    const wanted = Object.entries(headers).filter(([name]) => /^(x-(tollgate|request|ratelimit)|age$|retry-after$)/.test(name));
    for (const [name, value] of wanted.sort()) {
      const term = document.createElement("dt");
      const said = document.createElement("dd");
      term.textContent = name;
      said.textContent = decoded(value);
      list.append(term, said);
    }
  }

  /* What POST /v1/route/explain says of the same request. */
  explained(told) {
    const box = this.part("route");
    box.replaceChildren();
    const { headers } = this.result ?? { headers: {} };
    const lines = [];
    if (told?.rule) lines.push(interpolate(gettext("The rule “%s” decides."), [told.rule.name]));
    else if (told?.task) lines.push(gettext("No rule matches: the task's own chain decides."));
    else if (told) lines.push(gettext("No rule matches: the model that was asked for is called."));
    if (told?.degraded_by) lines.push(interpolate(gettext("The budget “%s” runs low and calls for a cheaper model."), [told.degraded_by]));
    const passed = headers["x-tollgate-fallback-from"];
    if (passed) lines.push(interpolate(gettext("Passed over: %s."), [decoded(passed)]));
    if (Number(headers["x-tollgate-attempts"]) > 1) lines.push(interpolate(gettext("%s calls were made."), [headers["x-tollgate-attempts"]]));
    if (headers["x-tollgate-cascade"]) lines.push(interpolate(gettext("Cascade: %s."), [headers["x-tollgate-cascade"]]));
    for (const line of lines) {
      const said = document.createElement("p");
      said.textContent = line;
      box.append(said);
    }
    if (!told?.attempts?.length) return;
    const list = document.createElement("ol");
    for (const attempt of told.attempts) {
      const item = document.createElement("li");
      const cost = attempt.expected_cost_usd === null ? "" : ` · ${interpolate(gettext("about %s"), [dollars(Number(attempt.expected_cost_usd))])}`;
      item.textContent = `${attempt.model} · ${attempt.reason}${cost}`;
      list.append(item);
    }
    box.append(list);
  }

  async copy() {
    const button = this.part("copy");
    await copyText(this.result.text);
    const label = button.querySelector("[data-label]");
    const before = label.textContent;
    label.textContent = gettext("Copied");
    setTimeout(() => {
      label.textContent = before;
    }, 2000);
  }
}

function stateInWords(result) {
  if (result.isStopped) return gettext("Stopped. What was made until then is charged.");
  if (result.problem) return title(result.problem);
  if (result.finish === "length") return gettext("Cut off: the most output tokens were reached.");
  if (result.finish === "content_filter") return gettext("Ended by the provider's content filter.");
  return gettext("Done");
}

function cacheInWords(headers) {
  const said = headers["x-tollgate-cache"];
  const age = headers.age ? interpolate(gettext(", %s s old"), [headers.age]) : "";
  const saved = headers["x-tollgate-cache-saved-usd"];
  const worth = saved ? interpolate(gettext(", saved %s"), [dollars(Number(saved))]) : "";
  const reason = headers["x-tollgate-cache-reason"] ? ` (${decoded(headers["x-tollgate-cache-reason"])})` : "";
  if (said === "bypass" && !reason) return gettext("not asked");
  return `${CACHED[said] ?? said}${age}${worth}${reason}`;
}

function decoded(value) {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function linkTo(address, text) {
  const link = document.createElement("a");
  link.href = address;
  link.className = "text-link";
  link.textContent = text;
  return link;
}

export async function copyText(text) {
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const box = document.createElement("textarea");
  box.value = text;
  document.body.append(box);
  box.select();
  document.execCommand("copy");
  box.remove();
}
