// Brings a page of dashboards to life: draws its charts, writes its times in the viewer's zone, refreshes it. What one has switched off or
// opened stays so when a part of the page is replaced.

import { Chart } from "./chart.js";
import { startFollowing } from "./follow.js";
import { fill } from "./table.js";
import { fromField, moment, ownZone, spanName, toField } from "./writing.js";

const PRECISE = { weekday: null, second: "2-digit" };
const hidden = new Map(); // chart → labels that are switched off
const opened = new Set(); // tables that are open
let charts = [];
let timer = null;

function page() {
  return document.getElementById("dashboard");
}

// Back and forward load the page anew: it is quick, and its figures are then those of now.
globalThis.htmx.config.historyCacheSize = 0;
globalThis.htmx.config.refreshOnHistoryMiss = true;

// Replace the page's contents by those of another address, as a link of the toolbar does.
function open(address) {
  const link = document.createElement("a");
  link.href = address;
  link.hidden = true;
  document.querySelector(".tg-dash-bar").append(link);
  globalThis.htmx.process(link);
  link.click();
}

function start() {
  const root = page();
  if (!root || root.dataset.isStarted) return;
  root.dataset.isStarted = "1";
  for (const chart of charts) chart.destroy();
  charts = [...root.querySelectorAll("[data-chart]")].map((holder) => {
    const data = JSON.parse(document.getElementById(holder.dataset.chart).textContent);
    const name = `${root.dataset.page} ${data.key}`;
    if (!hidden.has(name)) hidden.set(name, new Set());
    startTable(holder, data, name);
    return new Chart(holder, data, { hidden: hidden.get(name), open });
  });
  writeTimes(root);
  startMenus(root);
  startFollowing(root);
  root.addEventListener("tollgate:followed", () => writeTimes(root));
  clearInterval(timer);
  const seconds = Number(root.dataset.refreshSeconds);
  if (seconds) timer = setInterval(refresh, seconds * 1000);
}

function startTable(holder, data, name) {
  const details = holder.parentElement.querySelector("[data-table]");
  const make = () => fill(details.querySelector(".tg-scroll"), data, { from: holder.dataset.sayFrom });
  details.addEventListener("toggle", () => {
    if (details.open) {
      opened.add(name);
      make();
    } else opened.delete(name);
  });
  details.open = opened.has(name);
}

// Not while somebody is choosing something, or does not look.
function refresh() {
  const root = page();
  const isBusy = root.querySelector(".tg-pop[open]") || root.querySelector(".tg-tip:not([hidden])");
  if (document.visibilityState === "visible" && !isBusy) globalThis.htmx.trigger(root, "tollgate:refresh");
}

function writeTimes(root) {
  const zone = ownZone();
  for (const field of root.querySelectorAll("[data-utc]")) field.value = toField(field.dataset.utc);
  for (const note of root.querySelectorAll("[data-zone-note]")) note.textContent = `${note.dataset.say ?? ""} ${zone}`.trim();
  for (const time of root.querySelectorAll("time[data-at], time[data-clock]")) {
    time.textContent = moment(new Date(time.dateTime), PRECISE);
  }
  for (const span of root.querySelectorAll("[data-moments]")) {
    span.textContent = spanName(span.dataset.spanStart, span.dataset.spanEnd);
    span.title = zone;
  }
  for (const note of root.querySelectorAll("[data-zone-foot]")) note.textContent = `· ${zone}`;
}

// One menu at a time; Escape and a press elsewhere close it.
function startMenus(root) {
  for (const menu of root.querySelectorAll(".tg-pop")) {
    menu.addEventListener("toggle", () => {
      if (!menu.open) return;
      for (const other of root.querySelectorAll(".tg-pop[open]")) if (other !== menu) other.open = false;
      menu.querySelector("input:not([type=hidden]), select")?.focus();
    });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
}

document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll(".tg-pop[open]")) if (!menu.contains(event.target)) menu.open = false;
});

// Addresses without empty parameters, and with moments instead of what a clock on a wall shows.
document.addEventListener("htmx:configRequest", (event) => {
  const given = event.detail.formData;
  if (!given || event.detail.verb !== "get") return;
  const pairs = [...given.entries()];
  for (const name of new Set(pairs.map(([key]) => key))) given.delete(name);
  for (const [name, value] of pairs) {
    if (value === "") continue;
    const isField = (name === "from" || name === "to") && !String(value).endsWith("Z");
    given.append(name, isField ? fromField(value) : value);
  }
});

document.addEventListener("htmx:afterSettle", start);
new MutationObserver(() => charts.forEach((chart) => chart.redraw())).observe(document.documentElement, {
  attributes: true,
  attributeFilter: ["class"],
});
start();
