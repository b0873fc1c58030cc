// Tabs, and what each of them shows.
import { h } from "./dom.js";

let count = 0;

export class Tabs {
  // `parts`: [{title, element}]; `turned` hears which one is shown.
  constructor(parts, turned) {
    this.parts = parts;
    this.turned = turned;
    const set = ++count;
    this.buttons = parts.map(({ title, element }, at) => {
      const id = `nbc-tab-${set}-${at}`;
      element.id = `nbc-part-${set}-${at}`;
      element.setAttribute("role", "tabpanel");
      element.setAttribute("aria-labelledby", id);
      element.removeAttribute("aria-label");
      return h("button", {
        type: "button", role: "tab", class: "nbc-tab", id, "aria-controls": element.id, onclick: () => this.choose(at),
      }, title);
    });
    this.element = h("div", { class: "nbc-tabs", role: "tablist", "aria-label": "What to look at" }, ...this.buttons);
    this.element.addEventListener("keydown", (event) => this.#walk(event));
  }

  choose(chosen, focus = false) {
    for (const [at, { element }] of this.parts.entries()) {
      const on = at === chosen;
      element.hidden = !on;
      this.buttons[at].setAttribute("aria-selected", on);
      this.buttons[at].tabIndex = on ? 0 : -1;
    }
    if (focus) this.buttons[chosen].focus();
    this.turned(this.parts[chosen]);
  }

  #walk(event) {
    event.stopPropagation();
    const all = this.buttons;
    const now = all.indexOf(document.activeElement);
    if (now < 0) return;
    const next = {
      ArrowRight: (now + 1) % all.length, ArrowLeft: (now + all.length - 1) % all.length, Home: 0, End: all.length - 1,
    }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    this.choose(next, true);
  }
}
