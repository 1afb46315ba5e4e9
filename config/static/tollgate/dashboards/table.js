// A chart's data as a table, made when it is opened. Each step leads to its requests.

import { requestsOf } from "./addresses.js";
import { stepName, valued } from "./writing.js";

export function fill(place, data, labels) {
  const table = document.createElement("table");
  table.className = "tg-list tg-figures";
  const head = table.createTHead().insertRow();
  for (const label of [labels.from, ...data.series.map((item) => item.label)]) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = label;
    if (head.children.length) cell.className = "tg-right";
    head.append(cell);
  }
  const body = table.createTBody();
  data.edges.forEach((_edge, step) => {
    const row = body.insertRow();
    const name = document.createElement("th");
    name.scope = "row";
    name.append(data.isFixed ? stepName(data, step) : link(requestsOf(data, step), stepName(data, step)));
    row.append(name);
    for (const item of data.series) {
      const cell = row.insertCell();
      cell.className = "tg-right tg-number";
      cell.textContent = valued(item, step, data.unit);
    }
  });
  place.replaceChildren(table);
}

function link(href, text) {
  const made = document.createElement("a");
  made.className = "tg-link";
  made.href = href;
  made.textContent = text;
  return made;
}
