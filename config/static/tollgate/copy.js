// Buttons that copy a text of the page: data-copy names the element that holds it.

async function copied(source) {
  if (navigator.clipboard && window.isSecureContext) {
    try {
      await navigator.clipboard.writeText(source.textContent);
      return true;
    } catch {
      // Not allowed just now: the other way may be.
    }
  }
  getSelection().selectAllChildren(source);
  return document.execCommand("copy"); // what is left over http; if that fails, the text is marked and Ctrl-C takes it
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  const source = button && document.getElementById(button.dataset.copy);
  if (!source || !(await copied(source))) return;
  button.dataset.label ??= button.textContent;
  button.textContent = button.dataset.done;
  button.setAttribute("aria-live", "polite");
  clearTimeout(button.timer);
  button.timer = setTimeout(() => (button.textContent = button.dataset.label), 2000);
});

// A reload goes on to another page instead of sending the form again, which would make a second secret.
const next = document.querySelector("[data-reload-to]");
if (next) history.replaceState(null, "", next.dataset.reloadTo);
