// The list of requests follows what happens: every few seconds its newest page is fetched and takes the old one's place. Whoever is on a
// row with the keyboard stays there. The button pauses it.

const SECONDS = 5;
let timer = null;
let isPaused = false;

export function startFollowing(root) {
  clearInterval(timer);
  const button = root.querySelector("[data-follow]");
  if (!button) return;
  const status = root.querySelector("[data-follow-status]");
  say(button);
  button.addEventListener("click", () => {
    isPaused = !isPaused;
    say(button);
    if (!isPaused) follow(root, button, status);
  });
  timer = setInterval(() => {
    if (!isPaused && document.visibilityState === "visible") follow(root, button, status);
  }, SECONDS * 1000);
}

function say(button) {
  button.textContent = isPaused ? button.dataset.sayGo : button.dataset.sayPause;
}

function links(place) {
  return [...(document.querySelector(place)?.querySelectorAll("tbody th a") ?? [])];
}

async function follow(root, button, status) {
  const place = button.dataset.follow;
  const known = new Set(links(place).map((link) => link.href));
  const old = document.querySelector(place);
  let focused = null;
  let left = 0;
  // Not before: whoever moves on while the answer is on its way is to stay where they are then.
  old?.addEventListener("htmx:beforeSwap", () => {
    focused = old.contains(document.activeElement) ? document.activeElement.href : null;
    left = old.querySelector(".tg-scroll")?.scrollLeft ?? 0;
  });
  try {
    await globalThis.htmx.ajax("GET", globalThis.location.href, { target: place, select: place, swap: "outerHTML" });
  } catch {
    return; // the next time
  }
  const shown = links(place);
  const fresh = known.size ? shown.filter((link) => !known.has(link.href)) : [];
  for (const link of fresh) link.closest("tr").classList.add("tg-fresh");
  const scroll = document.querySelector(`${place} .tg-scroll`);
  if (scroll) scroll.scrollLeft = left;
  if (focused) shown.find((link) => link.href === focused)?.focus({ preventScroll: true });
  root.dispatchEvent(new CustomEvent("tollgate:followed"));
  if (fresh.length === 1) status.textContent = button.dataset.sayOne;
  else if (fresh.length) status.textContent = button.dataset.sayMany.replace("%s", String(fresh.length));
}
