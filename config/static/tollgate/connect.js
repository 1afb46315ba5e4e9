// The form that connects a provider: what is asked depends on who it is.

const form = document.getElementById("connect");
const suggested = JSON.parse(document.getElementById("suggested-names").textContent);
const keyPages = JSON.parse(document.getElementById("key-pages").textContent);
const name = form.elements.name;
const baseUrl = form.querySelector("[data-base-url]");
const keyPage = form.querySelector("[data-key-page]");

function show() {
  const kind = form.elements.kind.value;
  const needsUrl = !(kind in keyPages);
  // Somebody may still mean a proxy or a region: what was entered stays.
  baseUrl.hidden = !needsUrl && !form.elements.base_url.value;
  keyPage.hidden = needsUrl;
  if (!needsUrl) keyPage.querySelector("a").href = keyPages[kind];
  if (!name.value || Object.values(suggested).includes(name.value)) name.value = suggested[kind] ?? name.value;
}

form.addEventListener("change", (event) => {
  if (event.target.name === "kind") show();
});
// After an answer, the first input that is to be looked at again.
form.addEventListener("htmx:afterSettle", () => {
  const wrong = [...form.querySelectorAll(".tg-error")].find((place) => place.textContent.trim());
  const field = form.querySelector("#outcome [data-field]")?.dataset.field;
  const named = { credential: "key", base_url: "base_url", model: "model" }[field];
  const input = wrong ? document.getElementById(wrong.id.replace(/_error$/, "")) : named && form.elements[named];
  if (input?.offsetParent) input.focus();
});
show();
