// Lists to choose from: narrowed down by typing, and, for models, added to by name.

document.addEventListener("input", (event) => {
  const list = document.getElementById(event.target.dataset.filters ?? "");
  if (!list) return;
  const asked = event.target.value.trim().toLowerCase();
  for (const item of list.querySelectorAll("[data-words]")) {
    // What is ticked stays in sight.
    item.hidden = !item.dataset.words.includes(asked) && !item.querySelector("input:checked:enabled");
  }
});

async function takeUp(button) {
  const input = document.getElementById("by-hand");
  const name = input.value.trim();
  if (!name) return input.focus();
  const address = `${button.dataset.byHand}?${new URLSearchParams({ chosen: name, by_hand: "yes" })}`;
  const answer = await fetch(address, { headers: { "HX-Request": "true" } });
  if (answer.status !== 200) return;
  const editors = document.getElementById("editors");
  const made = document.createElement("div");
  made.innerHTML = await answer.text();
  const editor = made.firstElementChild;
  document.getElementById(editor.id)?.remove();
  editors.append(editor);
  input.value = "";
  editor.querySelector("input:not([type=hidden], [type=checkbox])")?.focus();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-by-hand]");
  if (button) takeUp(button);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.target.id !== "by-hand") return;
  event.preventDefault(); // it does not add what is ticked
  takeUp(document.querySelector("[data-by-hand]"));
});
