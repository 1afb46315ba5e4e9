// Waits for requests: asks every second, more slowly after five minutes, and not while nobody looks.

const SOON = 1000;
const LATER = 5000;
const PATIENCE = 5 * 60 * 1000;

for (const box of document.querySelectorAll("[data-arrivals]")) {
  const place = box.querySelector("[data-arrivals-place]");
  const waiting = box.querySelector("[data-arrivals-waiting]");
  const away = box.querySelector("[data-arrivals-away]");
  const began = Date.now();
  let shown = "";

  async function look() {
    if (document.hidden) return later();
    try {
      const answer = await fetch(box.dataset.arrivals, { headers: { "X-Requested-With": "fetch" }, redirect: "error" });
      if (answer.status >= 400) throw new Error(answer.status);
      away.hidden = true;
      const text = answer.status === 200 ? await answer.text() : "";
      if (text && text !== shown) {
        place.innerHTML = shown = text;
        if (place.querySelector("[data-answered]")) {
          waiting.hidden = true;
          box.dispatchEvent(new CustomEvent("tollgate:answered", { bubbles: true }));
          return;
        }
      }
    } catch {
      away.hidden = false;
    }
    later();
  }

  function later() {
    setTimeout(look, Date.now() - began > PATIENCE ? LATER : SOON);
  }

  look();
}

// Steps that are done with the first answer.
document.addEventListener("tollgate:answered", () => {
  for (const step of document.querySelectorAll("[data-done-when-answered]")) step.dataset.state = "done";
  for (const part of document.querySelectorAll("[data-shown-when-answered]")) part.hidden = false;
  for (const part of document.querySelectorAll("[data-hidden-when-answered]")) part.hidden = true;
});
