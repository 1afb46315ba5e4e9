// What is told of the step under the cursor: each line's value, and of stacked ones their sum.

import { stepName, valued, written } from "./writing.js";

export function element(tag, className = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}

// A line's colour and name, as the legend and the tip have them.
export function swatched(item, colour) {
  const swatch = element("i", item.isBefore ? "tg-dashed" : "");
  swatch.style.setProperty("--line", colour);
  return [swatch, item.label];
}

export function fillTip(tip, data, place, shown, colourOf, says) {
  const isStacked = data.shape !== "line";
  const lines = shown.filter((item) => !isStacked || item.isBefore || item.values[place]);
  const present = lines.filter((item) => !item.isBefore);
  const table = element("table");
  const add = (name, text) => {
    const row = table.insertRow();
    row.insertCell().append(...name);
    row.insertCell().textContent = text;
  };
  const say = (item) => add(swatched(item, colourOf(item)), valued(item, place, data.unit));
  present.forEach(say);
  if (isStacked && present.length > 1) {
    add([says.sayAll], written(present.reduce((sum, item) => sum + item.values[place], 0), data.unit));
  }
  lines.filter((item) => item.isBefore).forEach(say);
  const title = element("b");
  title.textContent = stepName(data, place);
  tip.replaceChildren(title, table);
  if (!data.isFixed) {
    const hint = element("small");
    hint.textContent = says.sayClick;
    tip.append(hint);
  }
}
