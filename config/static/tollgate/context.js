// The form of a context policy: what counts only if something else is set is shown only then.

function shows(form) {
  for (const place of form.querySelectorAll("[data-needs]")) {
    const input = form.elements[place.dataset.needs];
    place.hidden = input.type === "checkbox" ? !input.checked : !(Number(input.value) > 0);
  }
}

for (const form of document.querySelectorAll("form[data-context]")) {
  form.addEventListener("input", () => shows(form));
  shows(form);
  form.querySelector("[aria-invalid=true]")?.focus();
}
