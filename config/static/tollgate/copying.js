// Buttons that copy: <button data-copy="id of what to copy" data-copied="Copied">. And pages that answer a POST with something shown once:
// data-address is where a reload goes, instead of doing it again.

async function copies(button) {
  const place = document.getElementById(button.dataset.copy);
  if (navigator.clipboard && window.isSecureContext) {
    await navigator.clipboard.writeText(place.textContent);
  } else {
    getSelection().selectAllChildren(place);
    document.execCommand("copy");
  }
  const text = button.textContent;
  button.textContent = button.dataset.copied;
  setTimeout(() => (button.textContent = text), 2000);
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copies(button);
});

const place = document.querySelector("[data-address]");
if (place) history.replaceState(null, "", place.dataset.address);
