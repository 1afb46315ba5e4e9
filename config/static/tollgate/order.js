// A list that people put in order: by dragging its handles, and by buttons for those who have no pointer.
//
// <ol data-order data-order-said="{name} is now number {place} of {count}."> with <li data-order-item>, in each of which there may be a
// data-order-handle, data-order-up and data-order-down, and whose name is the text (of a picker: the choice) of data-order-name. Whenever
// the order is another one, the list dispatches "order:changed". What an order means is for others to know.

const EDGE = 60; // px from the window's edge where it scrolls

const items = (list) => [...list.querySelectorAll(":scope > [data-order-item]")];

function nameOf(item) {
  const named = item.querySelector("[data-order-name]");
  if (!named) return "";
  return (named.selectedOptions ? named.selectedOptions[0].text : named.textContent).trim();
}

function says(list, item) {
  let place = list.parentNode.querySelector(":scope > [data-order-heard]");
  if (!place) {
    place = document.createElement("div");
    place.dataset.orderHeard = "";
    place.className = "tg-heard";
    place.setAttribute("aria-live", "polite");
    list.after(place);
  }
  const all = items(list);
  place.textContent = (list.dataset.orderSaid || "")
    .replace("{name}", nameOf(item))
    .replace("{place}", all.indexOf(item) + 1)
    .replace("{count}", all.length);
}

// The first cannot go up, nor the last down.
export function bounds(list) {
  const all = items(list);
  all.forEach((item, index) => {
    const [up, down] = [item.querySelector("[data-order-up]"), item.querySelector("[data-order-down]")];
    if (up) up.disabled = index === 0;
    if (down) down.disabled = index === all.length - 1;
  });
}

function changed(list, item) {
  bounds(list);
  says(list, item);
  list.dispatchEvent(new CustomEvent("order:changed", { bubbles: true, detail: { item } }));
}

function moves(button) {
  const item = button.closest("[data-order-item]");
  const list = item.closest("[data-order]");
  const isUp = "orderUp" in button.dataset;
  const other = isUp ? item.previousElementSibling : item.nextElementSibling;
  if (!other) return;
  if (isUp) other.before(item);
  else other.after(item);
  changed(list, item);
  // At the end of the way the button is disabled, and would lose the focus to nowhere.
  (button.disabled ? item.querySelector(isUp ? "[data-order-down]" : "[data-order-up]") : button).focus();
}

function drags(handle, event) {
  const item = handle.closest("[data-order-item]");
  const list = item.closest("[data-order]");
  const before = items(list);
  event.preventDefault();
  item.classList.add("tg-dragged");

  // The others move around the dragged one, which stays in the document, so that its events go on.
  const moved = ({ clientY }) => {
    if (clientY < EDGE) window.scrollBy(0, -12);
    else if (clientY > window.innerHeight - EDGE) window.scrollBy(0, 12);
    const middle = (other) => {
      const box = other.getBoundingClientRect();
      return box.top + box.height / 2;
    };
    for (let next; (next = item.nextElementSibling) && clientY > middle(next); ) item.before(next);
    for (let last; (last = item.previousElementSibling) && clientY < middle(last); ) item.after(last);
  };
  const ended = (last) => {
    window.removeEventListener("pointermove", moved);
    window.removeEventListener("pointerup", ended);
    window.removeEventListener("pointercancel", ended);
    item.classList.remove("tg-dragged");
    if (last.type === "pointercancel") list.append(...before);
    if (items(list).some((other, index) => other !== before[index])) changed(list, item);
  };
  window.addEventListener("pointermove", moved);
  window.addEventListener("pointerup", ended);
  window.addEventListener("pointercancel", ended);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-order-up], [data-order-down]");
  if (button?.closest("[data-order]")) moves(button);
});
document.addEventListener("pointerdown", (event) => {
  const handle = event.target.closest("[data-order-handle]");
  if (handle?.closest("[data-order]") && event.button === 0 && !handle.closest(":disabled")) drags(handle, event);
});

export function beginsOrders() {
  document.querySelectorAll("[data-order]").forEach(bounds);
}

beginsOrders();
