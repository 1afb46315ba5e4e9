// Keeps parts of a page up to date while somebody looks at it.
//
// <div data-live="address" data-live-seconds="5" data-live-lost="what to say when it is over"> is asked for again and again; of what comes,
// every element with data-live-part takes the place of the one with its id. Nothing else is touched, so focus, open forms and menus stay.
// A slow server is asked more rarely, and a hidden page not at all.

const SLOWER = 10; // times as long a pause as the answer took

class Live {
  constructor(place) {
    this.place = place;
    this.seconds = Number(place.dataset.liveSeconds || 5);
    this.wait(this.seconds);
  }

  wait(seconds) {
    this.timer = setTimeout(() => this.ask(), seconds * 1000);
  }

  async ask() {
    if (!this.place.isConnected) return;
    if (document.visibilityState !== "visible") return this.wait(1);
    const began = performance.now();
    let response;
    try {
      response = await fetch(this.place.dataset.live, { redirect: "manual", headers: { "x-live": "1" } });
    } catch {
      return this.wait(this.seconds * 2); // the network is away for a moment
    }
    if (response.type === "opaqueredirect" || [401, 403, 404].includes(response.status)) return this.end();
    if (response.ok) this.put(await response.text());
    const took = (performance.now() - began) / 1000;
    this.wait(Math.max(this.seconds, took * SLOWER));
  }

  put(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html");
    for (const part of fresh.querySelectorAll("[data-live-part]")) {
      const present = document.getElementById(part.id);
      if (present && present.outerHTML !== part.outerHTML && !present.contains(document.activeElement)) {
        present.replaceWith(document.importNode(part, true));
      }
    }
  }

  // Signed out, or no longer allowed: say so rather than show old figures as if they were new.
  end() {
    const text = this.place.dataset.liveLost;
    if (!text) return;
    const said = document.createElement("p");
    said.className = "tg-notice";
    said.setAttribute("role", "status");
    said.textContent = text;
    this.place.prepend(said);
  }
}

export function keepLive(root = document) {
  for (const place of root.querySelectorAll("[data-live]")) {
    if (!place.liveParts) place.liveParts = new Live(place);
  }
}

keepLive();
