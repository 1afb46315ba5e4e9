/* The playground's page: puts its parts together. What each does is its own module's. */

import { call, explain } from "./calling.js";
import { Form } from "./form.js";
import { Memory } from "./memory.js";
import { Panel, copyText } from "./panel.js";
import { read } from "./pasting.js";
import { snippets } from "./snippets.js";
import { Problem, Tokens } from "./tokens.js";
import { ago, difference, dollars, duration } from "./words.js";

const root = document.querySelector("#playground");
const settings = JSON.parse(document.querySelector("#pg-settings").textContent);
const tokens = new Tokens(settings.tokenUrl, root.querySelector("[name=csrfmiddlewaretoken]").value);
const memory = new Memory(settings.memory);
const at = (name) => document.querySelector(`#pg-${name}`);
settings.credential = async () => ({ authorization: `Bearer ${await tokens.get()}` });

let draftTimer = 0;
const form = new Form(root, () => {
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => memory.keepDraft(form.read()), 400);
  describeModels();
});
const panels = ["a", "b"].map((name) => new Panel(at(`answer-${name}`), { settings, keep: goOn }));
let running = null;
let spent = settings.used;

async function run() {
  if (running) return;
  const wrong = root.querySelector(":invalid");
  if (wrong) {
    if (at("settings-box").contains(wrong)) at("settings-box").open = true;
    wrong.reportValidity(); // the browser says what is wrong beside the field
    return;
  }
  let calls;
  const models = form.models();
  try {
    calls = models.map((model) => form.call(model));
  } catch (problem) {
    notice(problem.message);
    return;
  }
  notice("");
  running = new AbortController();
  setRunning(true);
  const { signal } = running;
  const asked = form.read();
  at("empty").hidden = true;
  at("comparison").hidden = true;
  panels.forEach((panel, index) => {
    if (index < models.length) panel.begin(models[index]);
    else panel.root.hidden = true;
  });
  panels[0].root.scrollIntoView({ block: "nearest", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
  const results = await Promise.all(calls.map((made, index) => runOne(made, panels[index], signal)));
  running = null;
  setRunning(false);
  compare(models, results);
  for (const result of results) spent += result.costUsd || 0;
  at("used").textContent = dollars(spent);
  memory.add({ at: Date.now(), form: asked, models, results: results.map(kept) });
  drawHistory();
}

async function runOne({ body, headers }, panel, signal) {
  const request = { api: settings.api, tokens, body, headers };
  const route = explain(request);
  const result = await call({ ...request, signal, saw: (known) => panel.saw(known) });
  route.then((told) => {
    result.route = told;
    panel.explained(told);
  });
  return result;
}

function setRunning(is) {
  at("run").hidden = is;
  at("stop").hidden = !is;
  (is ? at("stop") : at("run")).focus({ preventScroll: true });
}

/* Two answers beside each other: what the second costs and takes more or less than the first. */
function compare(models, results) {
  const isShown = results.length === 2 && results.every((result) => !result.problem);
  at("comparison").hidden = !isShown;
  if (!isShown) return;
  const rows = [
    [gettext("Cost"), "costUsd", dollars],
    [gettext("Whole answer"), "latencyMs", duration],
    [gettext("First token"), "ttftMs", duration],
    [gettext("Output tokens"), "output", (value) => (value === null ? "–" : String(value))],
  ];
  const value = (result, name) => (name === "output" ? (result.usage?.output ?? null) : result[name]);
  const cells = (tag, texts) => {
    const row = document.createElement("tr");
    texts.forEach((text, index) => {
      const cell = document.createElement(index ? tag : "th");
      cell.scope = index ? (tag === "th" ? "col" : "") : "row";
      cell.textContent = text;
      row.append(cell);
    });
    return row;
  };
  at("comparison").querySelector("thead").replaceChildren(cells("th", ["", ...models, gettext("Difference")]));
  at("comparison").querySelector("tbody").replaceChildren(
    ...rows.map(([label, name, shown]) => {
      const [first, second] = results.map((result) => value(result, name));
      return cells("td", [label, shown(first), shown(second), difference(first, second) || "–"]);
    }),
  );
}

/* A result as it is remembered. */
function kept(result) {
  const { problem, ...rest } = result;
  return { ...rest, problem: problem && { code: problem.code, status: problem.status, message: problem.message } };
}

function goOn(text) {
  if (form.field("compare").checked) {
    form.field("compare").checked = false;
    form.follow();
  }
  const last = form.turns.list.lastElementChild.querySelector("textarea");
  if (form.turns.list.children.length > 1 && !last.value.trim()) last.closest("li").remove();
  form.turns.add({ role: "assistant", text }, false);
  form.turns.add({ role: "user", text: "" });
}

function notice(text) {
  at("notice").textContent = text;
  at("notice").hidden = !text;
}

function describeModels() {
  for (const name of ["model", "model-b"]) at(`${name}-about`).textContent = settings.about[form.field(name).value] ?? "";
}

function drawHistory() {
  const runs = memory.runs();
  at("no-history").hidden = runs.length > 0;
  at("forget").hidden = !runs.length;
  at("history-list").replaceChildren(
    ...runs.map((run) => {
      const item = document.createElement("li");
      const button = document.createElement("button");
      const first = document.createElement("span");
      const second = document.createElement("small");
      const asked = run.form.turns.at(-1);
      first.textContent = (asked?.text ?? asked?.json ?? "").slice(0, 120) || "…";
      const cost = run.results.reduce((sum, result) => sum + (result.costUsd || 0), 0);
      second.textContent = [run.models.join(gettext(" and ")), dollars(cost), ago(run.at)].join(" · ");
      second.title = new Date(run.at).toLocaleString();
      button.type = "button";
      button.append(first, second);
      button.addEventListener("click", () => recall(run));
      item.append(button);
      return item;
    }),
  );
}

function recall(run) {
  at("history").close();
  form.write(run.form);
  at("empty").hidden = true;
  panels.forEach((panel, index) => {
    panel.root.hidden = index >= run.results.length;
    if (panel.root.hidden) return;
    panel.begin(run.models[index]);
    const result = run.results[index];
    if (result.problem) result.problem = Object.assign(new Problem(), result.problem, { message: result.problem.message });
    panel.result = result;
    panel.draw();
    panel.explained(result.route ?? null);
  });
  compare(run.models, run.results);
}

function paste() {
  const box = at("paste-text");
  const wrong = at("paste-wrong");
  try {
    const pasted = read(box.value);
    const missing = form.take(pasted);
    const said = [];
    if (missing.length) said.push(interpolate(gettext("There is no “%s” here: choose a model."), [missing[0]]));
    if (pasted.left.length) said.push(interpolate(gettext("Not taken along: %s."), [pasted.left.join(", ")]));
    notice(said.join(" "));
    at("paste").close();
    box.value = "";
    wrong.hidden = true;
  } catch (error) {
    const what = error instanceof SyntaxError ? interpolate(gettext("This is no valid JSON: %s"), [error.message]) : error.message;
    wrong.textContent = what;
    wrong.hidden = false;
    box.focus();
  }
}

async function showCode() {
  let request;
  try {
    request = { url: location.origin, ...form.call(form.models()[0]) };
  } catch (problem) {
    notice(problem.message);
    return;
  }
  const made = await snippets(request);
  const tabs = at("code-tabs");
  const choose = (index) => {
    [...tabs.children].forEach((tab, number) => tab.setAttribute("aria-pressed", String(number === index)));
    at("code-text").textContent = made[index].code;
  };
  tabs.replaceChildren(
    ...made.map((snippet, index) => {
      const tab = document.createElement("button");
      tab.type = "button";
      tab.textContent = snippet.name;
      tab.addEventListener("click", () => choose(index));
      return tab;
    }),
  );
  choose(0);
  at("code").showModal();
}

async function copyCode() {
  await copyText(at("code-text").textContent);
  at("code-copied").textContent = gettext("Copied");
  setTimeout(() => {
    at("code-copied").textContent = "";
  }, 2000);
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !document.querySelector("dialog[open]")) {
    event.preventDefault();
    run();
  }
});
at("run").addEventListener("click", run);
at("stop").addEventListener("click", () => running?.abort());
at("add").addEventListener("click", () => form.turns.add());
at("open-paste").addEventListener("click", () => at("paste").showModal());
at("take").addEventListener("click", paste);
at("open-history").addEventListener("click", () => {
  drawHistory();
  at("history").showModal();
});
at("forget").addEventListener("click", () => {
  memory.clear();
  drawHistory();
});
at("open-code").addEventListener("click", showCode);
at("copy-code").addEventListener("click", copyCode);
at("forget-extra").addEventListener("click", () => form.forgetExtra());
for (const close of document.querySelectorAll("#playground-dialogs [data-close]")) {
  close.addEventListener("click", () => close.closest("dialog").close());
}
for (const example of document.querySelectorAll("[data-example]")) {
  example.addEventListener("click", () => {
    form.turns.write([{ role: "user", text: example.dataset.example }]);
    run();
  });
}
if (!matchMedia("(min-width: 1100px)").matches) at("settings-box").open = false;
form.write(memory.draft() ?? { stream: true, turns: [] });
describeModels();
at("used").textContent = dollars(spent);
root.dataset.ready = "true";
