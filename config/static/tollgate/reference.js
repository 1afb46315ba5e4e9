// The API reference: a filter over its operations, and what an address names (#create_budgets) is opened. Without this script all stands there.

const filter = document.getElementById("reference-filter");
const found = document.getElementById("reference-found");
const operations = [...document.querySelectorAll(".tg-operation")].map((element) => ({
  element,
  words: element.dataset.words.toLowerCase(),
}));
const groups = [...document.querySelectorAll("[data-group]")];

function narrow() {
  const asked = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const { element, words } of operations) {
    element.hidden = !asked.every((word) => words.includes(word));
    count += !element.hidden;
  }
  for (const group of groups) {
    const isEmpty = !group.querySelector(".tg-operation:not([hidden])");
    group.hidden = isEmpty;
    document.querySelector(`.tg-reference-columns nav a[href="#${group.getAttribute("aria-labelledby")}"]`).parentElement.hidden = isEmpty;
  }
  found.textContent = !asked.length ? "" : count ? found.dataset.some.replace("%s", count) : found.dataset.none;
}

function open() {
  const named = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = named?.closest("details");
  if (!details) return;
  if (details.hidden || details.closest("[data-group]")?.hidden) {
    filter.value = "";
    narrow();
  }
  details.open = true;
  details.scrollIntoView();
}

filter.closest("[role=search]").hidden = false;
filter.addEventListener("input", narrow);
addEventListener("hashchange", open);
if (filter.value) narrow(); // what the browser has kept
open();
