// The forms of rules and tasks: a chain of models that grows, shrinks and is put in order, and fields that count only for some choices.

import { bounds } from "./order.js";

function shows(form) {
  const strategy = form.elements.strategy.value;
  for (const place of form.querySelectorAll("[data-cascade]")) place.hidden = strategy !== "cascade";
  for (const place of form.querySelectorAll("[data-weight]")) place.hidden = strategy !== "weighted";
  const replays = form.elements.replays_when_down;
  for (const place of form.querySelectorAll("[data-replay]")) place.hidden = !replays.checked;
}

function adds(chain) {
  const list = chain.querySelector("[data-order]");
  list.append(chain.querySelector("template").content.cloneNode(true));
  shows(chain.closest("form"));
  bounds(list);
  list.lastElementChild.querySelector("select").focus();
}

function removes(button) {
  const item = button.closest("[data-order-item]");
  const list = item.parentNode;
  const next = item.nextElementSibling || item.previousElementSibling;
  item.remove();
  bounds(list);
  (next?.querySelector("[data-chain-remove]") || list.closest("[data-chain]").querySelector("[data-chain-add]")).focus();
}

for (const form of document.querySelectorAll("form[data-choosing]")) {
  form.addEventListener("change", () => shows(form));
  form.addEventListener("click", (event) => {
    const [add, remove] = ["[data-chain-add]", "[data-chain-remove]"].map((what) => event.target.closest(what));
    if (add) adds(add.closest("[data-chain]"));
    if (remove) removes(remove);
  });
  shows(form);
  // What was refused, where it stands.
  form.querySelector("[aria-invalid=true]")?.focus();
}
