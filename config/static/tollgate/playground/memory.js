/* What one has run, in this browser only. Where the browser keeps nothing (private windows, no room), there is simply no history. */

const MOST = 25;
const MOST_CHARACTERS = 1_500_000; // browsers give a site about five million

export class Memory {
  constructor(name) {
    this.name = name;
  }

  /* Newest first. */
  runs() {
    try {
      const kept = JSON.parse(localStorage.getItem(`${this.name}.runs`) || "[]");
      return Array.isArray(kept) ? kept : [];
    } catch {
      return [];
    }
  }

  add(run) {
    const runs = [run, ...this.runs()].slice(0, MOST);
    while (runs.length > 1 && JSON.stringify(runs).length > MOST_CHARACTERS) runs.pop();
    this.write("runs", runs);
  }

  clear() {
    this.write("runs", []);
  }

  /* What is being written, so that a reload loses nothing. */
  draft() {
    try {
      return JSON.parse(localStorage.getItem(`${this.name}.draft`) || "null");
    } catch {
      return null;
    }
  }

  keepDraft(form) {
    this.write("draft", form);
  }

  write(what, value) {
    try {
      localStorage.setItem(`${this.name}.${what}`, JSON.stringify(value));
    } catch {
      /* no room, or not allowed */
    }
  }
}
