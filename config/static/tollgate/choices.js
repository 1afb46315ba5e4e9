// The boxes that Django's admin puts in place of long lists of choices (select2) get the names of their fields, which it leaves out.

function name(within) {
  for (const select of within.querySelectorAll("select.admin-autocomplete")) {
    const label = select.id && document.querySelector(`label[for="${CSS.escape(select.id)}"]`);
    const box = select.nextElementSibling?.querySelector("[role=combobox]");
    if (!label || !box) continue;
    label.id ||= `${select.id}-label`;
    const shown = box.querySelector("[role=textbox]");
    box.setAttribute("aria-labelledby", [label.id, shown?.id].filter(Boolean).join(" "));
    shown?.setAttribute("aria-labelledby", label.id);
  }
}

// After Django's own script, which waits for the same moment.
addEventListener("DOMContentLoaded", () => setTimeout(() => name(document)));
document.addEventListener("formset:added", (event) => setTimeout(() => name(event.target)));
