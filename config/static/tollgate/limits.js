// The budgets' pages: figures that stay fresh, and the form that is a sentence.

import "./live.js";

const PAUSE = 300; // ms after the last key before the server is asked

function shows(form) {
  const [dimension, which] = form.elements.who.value.split(":");
  for (const place of form.querySelectorAll("[data-subject]")) {
    place.hidden = which !== "one" || place.dataset.subject !== `subject_${dimension}`;
  }
  const verb = form.querySelector("[data-verb]");
  verb.textContent = dimension === "tier" ? verb.dataset.many : verb.dataset.one;
  const chosen = form.querySelector("[data-audience-chosen]");
  if (chosen) chosen.hidden = form.elements.audience.value !== "chosen";
  const cheaper = form.elements.cheaper_model;
  if (cheaper) cheaper.disabled = form.elements.cheaper_at.value === "";
}

async function previews(form) {
  const place = form.querySelector("[data-preview-place]");
  const said = new URLSearchParams(new FormData(form));
  said.delete("csrfmiddlewaretoken");
  const asked = (form.asked = (form.asked || 0) + 1);
  let response;
  try {
    response = await fetch(`${form.dataset.preview}?${said}`);
  } catch {
    return;
  }
  if (!response.ok || asked !== form.asked || !place.isConnected) return;
  place.innerHTML = await response.text();
  const name = place.querySelector("[data-name]");
  form.elements.name.placeholder = name ? name.dataset.name : "";
}

async function suggests(form, input) {
  const list = document.getElementById(input.getAttribute("list"));
  const asked = new URLSearchParams({ of: input.name.replace("subject_", ""), q: input.value });
  let response;
  try {
    response = await fetch(`${form.dataset.suggest}?${asked}`);
  } catch {
    return;
  }
  if (!response.ok) return;
  const { names } = await response.json();
  list.replaceChildren(...names.map((name) => new Option(name, name)));
}

function begins(form) {
  if (form.hasBegun) return;
  form.hasBegun = true;
  let timer;
  form.addEventListener("input", (event) => {
    shows(form);
    clearTimeout(timer);
    timer = setTimeout(() => {
      previews(form);
      if (event.target.hasAttribute("list")) suggests(form, event.target);
    }, PAUSE);
  });
  form.addEventListener("focusin", (event) => {
    if (event.target.hasAttribute("list")) suggests(form, event.target);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-empties]");
    if (!button) return;
    event.preventDefault();
    document.querySelector(button.dataset.empties).replaceChildren();
    document.querySelector("[data-adds-budget]")?.focus();
  });
  shows(form);
  previews(form);
}

function beginsAll() {
  document.querySelectorAll("form[data-budget-form]").forEach(begins);
}

// A form that was put into the page by htmx takes the focus: what is wrong in it first.
document.addEventListener("htmx:afterSettle", () => {
  const isNew = [...document.querySelectorAll("form[data-budget-form]")].filter((form) => !form.hasBegun);
  beginsAll();
  const form = isNew[0];
  if (form) (form.querySelector("[aria-invalid]") || form.elements.amount).focus();
});

beginsAll();
