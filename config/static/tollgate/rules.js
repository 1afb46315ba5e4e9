// The page of the routing rules: an order is saved as soon as it is another one, and what was explained is explained again.

import { beginsOrders } from "./order.js";

let isAgain = false;

function explainsAgain() {
  const form = document.querySelector("form[data-explain]");
  if (!form || !document.getElementById("answer").childElementCount) return;
  isAgain = true;
  form.requestSubmit();
}

async function saves(list, moved) {
  const place = document.getElementById("rules");
  const focused = document.activeElement?.closest("[data-order-up], [data-order-down]");
  const wanted = [...list.querySelectorAll("[data-order-item]")].map((item) => item.dataset.id);
  const body = new URLSearchParams({ seen: list.dataset.seen, wanted: wanted.join(",") });
  const token = document.querySelector("[name=csrfmiddlewaretoken]").value;
  list.setAttribute("aria-busy", "true");
  let response;
  try {
    response = await fetch(list.dataset.rulesOrder, { method: "POST", body, headers: { "X-CSRFToken": token } });
  } catch {
    response = null;
  }
  if (!response || (!response.ok && response.status !== 409)) return location.reload(); // show what is so
  place.innerHTML = await response.text();
  window.htmx?.process(place);
  beginsOrders();
  const again = place.querySelector(`[data-id="${moved.dataset.id}"]`);
  if (focused && again) {
    const isUp = "orderUp" in focused.dataset;
    const button = again.querySelector(isUp ? "[data-order-up]" : "[data-order-down]");
    (button.disabled ? again.querySelector(isUp ? "[data-order-down]" : "[data-order-up]") : button).focus();
  }
  explainsAgain();
}

// One at a time: the second is about the order that the first has left.
let saving = Promise.resolve();

document.addEventListener("order:changed", (event) => {
  const list = event.target;
  if (!list.dataset.rulesOrder) return;
  saving = saving.then(() => saves(list, event.detail.item));
});

document.addEventListener("htmx:afterSettle", (event) => {
  // Who has asked sees the answer; who has moved a rule goes on seeing the rules.
  if (event.target.id === "answer") {
    if (!isAgain) event.target.scrollIntoView({ block: "nearest" });
    isAgain = false;
  }
  if (event.target.id !== "rules") return;
  beginsOrders();
  explainsAgain();
});
