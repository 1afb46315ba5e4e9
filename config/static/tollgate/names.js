// Gives the fields of Django's admin the names that it leaves out: the boxes in place of long lists of choices (select2) those of their
// labels, fields in tables those of their columns.

function ofChoices(within) {
  for (const select of within.querySelectorAll("select.admin-autocomplete")) {
    const label = select.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const name = label?.textContent.trim() || select.closest("[data-label]")?.dataset.label;
    const place = select.nextElementSibling;
    if (!name || !place?.matches(".select2-container")) continue;
    const shown = place.querySelector("[role=textbox]");
    shown?.setAttribute("aria-label", name);
    place.querySelector("[role=combobox]")?.setAttribute("aria-label", name);
    place.querySelector("[role=combobox]")?.removeAttribute("aria-labelledby"); // of what is chosen, which is nothing at first
    if (shown?.id) place.querySelector("[role=combobox]")?.setAttribute("aria-describedby", shown.id);
    place.querySelector(".select2-search__field")?.setAttribute("aria-label", name);
  }
}

function ofColumns(within) {
  for (const field of within.querySelectorAll("td[data-label] :is(input:not([type=hidden]), select, textarea)")) {
    if (!field.labels?.length && !field.hasAttribute("aria-label")) field.setAttribute("aria-label", field.closest("td").dataset.label);
  }
}

function name(within) {
  ofChoices(within);
  ofColumns(within);
}

// After Django's own script, which waits for the same moment.
addEventListener("DOMContentLoaded", () => setTimeout(() => name(document)));
document.addEventListener("formset:added", (event) => setTimeout(() => name(event.target)));
