// What is told of the step under the cursor: each line's value, and of stacked ones their sum.

import { stepName, written } from "./writing.js";

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
  const add = (name, value) => {
    const row = table.insertRow();
    row.insertCell().append(...name);
    row.insertCell().textContent = written(value, data.unit);
  };
  for (const item of present) add(swatched(item, colourOf(item)), item.values[place]);
  if (isStacked && present.length > 1) add([says.sayAll], present.reduce((sum, item) => sum + item.values[place], 0));
  for (const item of lines.filter((item) => item.isBefore)) add(swatched(item, colourOf(item)), item.values[place]);
  const title = element("b");
  title.textContent = stepName(data, place);
  tip.replaceChildren(title, table);
  if (!data.isFixed) {
    const hint = element("small");
    hint.textContent = says.sayClick;
    tip.append(hint);
  }
}
