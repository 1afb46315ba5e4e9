/* The conversation: turns that can be written, moved, removed and added. The DOM is the state; `read` gives it. */

const ROLES = { user: () => gettext("User"), assistant: () => gettext("Assistant") };

export class Turns {
  constructor(list, template, changed) {
    this.list = list;
    this.template = template;
    this.changed = changed;
    list.addEventListener("click", (event) => this.clicked(event));
  }

  /* [{ role, text } or { role, json }] */
  read() {
    return [...this.list.children].map((item) => {
      const text = item.querySelector("textarea").value;
      const role = item.querySelector("select").value;
      return item.dataset.json === undefined ? { role, text } : { role, json: text };
    });
  }

  write(turns) {
    this.list.replaceChildren();
    for (const turn of turns.length ? turns : [{ role: "user", text: "" }]) this.add(turn, false);
    this.changed();
  }

  /* Add a turn at the end; by default of whoever has not spoken last. */
  add(turn = {}, isByHand = true) {
    const last = this.list.lastElementChild?.querySelector("select").value;
    const role = turn.role ?? (last === "user" ? "assistant" : "user");
    const item = this.template.content.firstElementChild.cloneNode(true);
    const select = item.querySelector("select");
    const text = item.querySelector("textarea");
    if (!(role in ROLES)) select.add(new Option(role, role));
    select.value = role;
    text.value = turn.json ?? turn.text ?? "";
    if (turn.json !== undefined) {
      item.dataset.json = "";
      select.disabled = true;
    }
    this.list.append(item);
    this.name();
    if (isByHand) {
      text.focus();
      this.changed();
    }
  }

  clicked(event) {
    const button = event.target.closest("button[data-do]");
    if (!button) return;
    const item = button.closest("li");
    const beside = button.dataset.do === "up" ? item.previousElementSibling : item.nextElementSibling;
    if (button.dataset.do === "remove") {
      (beside ?? item.previousElementSibling)?.querySelector("textarea").focus();
      item.remove();
      if (!this.list.children.length) this.add({ role: "user" }, false);
    } else if (beside) {
      if (button.dataset.do === "up") beside.before(item);
      else beside.after(item);
      button.focus();
    }
    this.name();
    this.changed();
  }

  /* Number the turns for those who hear them, and switch off what would do nothing. */
  name() {
    const items = [...this.list.children];
    items.forEach((item, index) => {
      const number = index + 1;
      item.setAttribute("aria-label", interpolate(gettext("Turn %s"), [number]));
      item.querySelector("textarea").setAttribute("aria-label", interpolate(gettext("Text of turn %s"), [number]));
      item.querySelector("select").setAttribute("aria-label", interpolate(gettext("Role of turn %s"), [number]));
      item.querySelector('[data-do="up"]').disabled = index === 0;
      item.querySelector('[data-do="down"]').disabled = index === items.length - 1;
    });
  }
}
