// One view: a table of lines that come, change and go, with its filter, columns, selection and buttons.
import { aged } from "./age.js";
import { sparkline } from "./chart.js";
import { clear, h } from "./dom.js";
import { byText, compare, found } from "./order.js";

const STATUS_FIELDS = new Set(["Status", "State", "Action"]);
const HISTORY = 60;
// lines that are drawn at first; more come as they are scrolled to
const PAGE = 150;
export class TableView {
  constructor(view, { ticks, act }) {
    this.view = view;
    this.ticks = ticks;
    this.act = act;
    this.rows = new Map();
    this.drawn = new Map(); // key -> {tr, cells, box}
    this.selected = new Set();
    this.hidden = new Set();
    this.history = new Map();
    this.sort = null;
    this.needle = "";
    this.fitting = []; // the lines that the filter lets through, in their order
    this.limit = PAGE;
    this.element = this.#frame();
  }

  // -- what comes from the kernel

  replace(rows) {
    this.rows = new Map(rows.map((row) => [row.key, row]));
    this.draw();
  }

  patch({ put, drop }) {
    for (const key of drop) {
      this.rows.delete(key);
      this.selected.delete(key);
      this.history.delete(key);
      this.drawn.get(key)?.tr.remove();
      this.drawn.delete(key);
    }
    for (const row of put) {
      const known = this.rows.has(row.key);
      this.rows.set(row.key, row);
      const drawn = this.drawn.get(row.key);
      if (drawn) this.#fill(drawn, row);
      if (known && drawn && !this.view.sampled) flash(drawn.tr);
    }
    this.#arrange(true);
    this.#tell();
  }

  // There is no kernel any more: nothing can be done, and nothing here grows older.
  lose() {
    this.isLost = true;
    this.#marks();
  }

  tick() {
    if (this.isLost) return;
    if (this.view.sampled && !this.element.hidden) this.#measure();
    if (!this.ticks) return;
    for (const [key, drawn] of this.drawn) {
      const row = this.rows.get(key);
      for (const [field, age] of Object.entries(row?.ages ?? {})) {
        const text = drawn.texts.get(field);
        if (!text) continue;
        const now = aged(age);
        if (text.data !== now) text.data = now;
      }
    }
  }

  draw() {
    this.drawn.clear();
    clear(this.body);
    clear(this.head, this.#headers());
    this.#arrange(false);
    this.#tell();
  }

  // -- drawing

  #frame() {
    const { view } = this;
    this.count = h("span", { class: "nbc-count" });
    this.chosen = h("span", { class: "nbc-count nbc-chosen", role: "status", hidden: true });
    this.search = h("input", {
      type: "search", class: "nbc-filter", placeholder: "Filter…",
      "aria-label": `Filter ${view.title.toLowerCase()}`,
      oninput: () => {
        this.needle = this.search.value.trim().toLowerCase();
        this.#arrange(false);
        this.#tell();
      },
      onkeydown: stop,
    });
    // what needs no selection stands apart, at the end
    this.buttons = view.actions.map((action) => {
      const button = h("button", {
        type: "button", class: "nbc-button", "data-action": action.id,
        onclick: () => this.act(action, this.#named(), this),
      }, action.label);
      return [action, button];
    });
    const tools = h("div", { class: "nbc-tools", role: "toolbar", "aria-label": `Act on ${view.title.toLowerCase()}` },
      ...this.buttons.map(([, button]) => button));
    this.head = h("thead");
    this.body = h("tbody");
    this.empty = h("p", { class: "nbc-empty" }, `No ${view.title.toLowerCase()}`);
    const table = h("table", { class: "nbc-table" },
      h("caption", { class: "nbc-unseen" }, `${view.title}, kept up to date`), this.head, this.body);
    table.addEventListener("keydown", (event) => this.#walk(event));
    return h("section", { class: "nbc-view", "data-view": view.id },
      h("div", { class: "nbc-bar" },
        h("span", { class: "nbc-live", title: "Follows the engine" }, "live"),
        this.count, this.chosen, tools, h("span", { class: "nbc-space" }), this.search, this.#columnsMenu()),
      h("div", { class: "nbc-scroll", tabindex: "-1", onscroll: (event) => this.#scrolled(event.target) }, table, this.empty));
  }

  #scrolled(box) {
    const left = box.scrollHeight - box.scrollTop - box.clientHeight;
    if (left > 300 || this.limit >= this.rows.size) return;
    this.limit += PAGE;
    this.#arrange(false);
  }

  #columnsMenu() {
    const boxes = this.view.columns.map(([field, header]) =>
      h("label", {}, h("input", {
        type: "checkbox", checked: true,
        onchange: (event) => {
          if (event.target.checked) this.hidden.delete(field);
          else this.hidden.add(field);
          this.draw();
        },
      }), ` ${header || field}`));
    const menu = h("details", { class: "nbc-menu" },
      h("summary", { "aria-label": "Choose columns" }, "Columns"), h("div", { class: "nbc-sheet" }, ...boxes));
    menu.addEventListener("keydown", (event) => {
      if (event.key === "Escape") { menu.open = false; menu.querySelector("summary").focus(); }
    });
    return menu;
  }

  get #columns() {
    return this.view.columns.filter(([field]) => !this.hidden.has(field));
  }

  #headers() {
    const cells = this.#columns.map(([field, header]) => {
      const direction = this.sort?.field === field ? this.sort.direction : 0;
      const word = { 1: "ascending", "-1": "descending", 0: "none" }[direction];
      return h("th", { scope: "col", "aria-sort": word },
        h("button", { type: "button", class: "nbc-sort", onclick: () => this.#sortBy(field) },
          header || field, h("span", { class: "nbc-arrow", "aria-hidden": "true" }, { 1: "▲", "-1": "▼", 0: "" }[direction])));
    });
    if (this.#selects) {
      this.all = h("input", {
        type: "checkbox", "aria-label": `Select all ${this.view.title.toLowerCase()}`,
        onchange: () => {
          for (const row of this.fitting) {
            if (this.all.checked) this.selected.add(row.key);
            else this.selected.delete(row.key);
          }
          this.#marks();
        },
      });
      cells.unshift(h("th", { scope: "col", class: "nbc-pick" }, this.all));
    }
    return h("tr", {}, ...cells);
  }

  get #selects() {
    return this.view.actions.some((action) => action.needs !== "none");
  }

  #make(row) {
    const tr = h("tr", { "data-key": row.key });
    const drawn = { tr, cells: new Map(), texts: new Map(), sparks: new Map(), box: null };
    if (this.#selects) {
      drawn.box = h("input", {
        type: "checkbox", "aria-label": `Select ${row.name}`,
        onchange: () => this.#pick(row.key, drawn.box.checked),
      });
      tr.append(h("td", { class: "nbc-pick" }, drawn.box));
      tr.addEventListener("click", (event) => {
        if (event.target.closest("input,button,a") || String(getSelection())) return;
        this.#pick(row.key, !this.selected.has(row.key));
      });
    }
    for (const [field] of this.#columns) {
      const text = document.createTextNode("");
      const td = h("td", { "data-field": field });
      if (STATUS_FIELDS.has(field)) td.append(h("span", { class: "nbc-mark", "aria-hidden": "true" }));
      td.append(text);
      if (field in row.figures) {
        const spark = h("span", { class: "nbc-spark" });
        drawn.sparks.set(field, spark);
        td.append(spark);
      }
      drawn.cells.set(field, td);
      drawn.texts.set(field, text);
      tr.append(td);
    }
    this.drawn.set(row.key, drawn);
    this.#fill(drawn, row);
    this.#chart(row.key);
    return drawn;
  }

  #fill(drawn, row) {
    drawn.tr.dataset.state = row.state;
    if (drawn.box) drawn.box.checked = this.selected.has(row.key);
    for (const [field, td] of drawn.cells) {
      const age = row.ages[field];
      const value = age && this.ticks ? aged(age) : (row.cells[field] ?? "");
      const text = drawn.texts.get(field);
      if (field === "Ports") this.#lead(drawn, td, text, value, row.links ?? {});
      else if (text.data !== value) text.data = value;
      td.title = value.length > 28 ? value : "";
    }
  }

  // Published ports lead to where this browser reaches them.
  #lead(drawn, td, text, value, links) {
    const now = JSON.stringify([value, links]);
    if (drawn.leads === now) return;
    drawn.leads = now;
    const parts = value.split(", ").flatMap((part, at) => {
      const url = links[part] ?? "";
      const isSafe = /^(https?:\/\/|\/)/.test(url);
      const shown = isSafe ? h("a", { href: url, target: "_blank", rel: "noopener" }, part) : part;
      return at ? [", ", shown] : [shown];
    });
    text.data = "";
    clear(td, text, ...parts);
  }

  // A chart has a point for each second, also for those in which nothing changed.
  #measure() {
    for (const row of this.rows.values()) {
      const known = this.history.get(row.key) ?? {};
      for (const [field, figure] of Object.entries(row.figures)) {
        known[field] = [...(known[field] ?? []), figure].slice(-HISTORY);
      }
      this.history.set(row.key, known);
      this.#chart(row.key);
    }
  }

  #chart(key) {
    for (const [field, spark] of this.drawn.get(key)?.sparks ?? []) {
      const header = this.view.columns.find(([name]) => name === field)[1];
      clear(spark, sparkline(this.history.get(key)?.[field] ?? [], field, header));
    }
  }

  #visible() {
    const { sort } = this;
    return [...this.rows.values()].filter((row) => found(row, this.needle)).sort((a, b) =>
      (sort && sort.direction * compare(a, b, sort.field)) || a.rank - b.rank || byText(a.name, b.name));
  }

  // Lines into their places, moving as few as can be: what has the focus keeps it.
  #arrange(isNews) {
    this.fitting = this.#visible();
    const rows = this.fitting.slice(0, this.limit);
    const wanted = new Set(rows.map((row) => row.key));
    for (const [key, { tr }] of this.drawn) if (!wanted.has(key) && tr.isConnected) tr.remove();
    let place = this.body.firstChild;
    for (const row of rows) {
      const isNew = !this.drawn.has(row.key);
      const { tr } = this.drawn.get(row.key) ?? this.#make(row);
      if (tr === place) {
        place = place.nextSibling;
        continue;
      }
      this.body.insertBefore(tr, place);
      if (isNew && isNews) flash(tr, "nbc-new");
    }
    this.#marks();
  }

  #tell() {
    const shown = this.fitting.length;
    const { noun } = this.view;
    this.count.textContent = shown === this.rows.size
      ? `${shown} ${noun}${shown === 1 ? "" : "s"}`
      : `${shown} of ${this.rows.size} ${noun}s`;
    this.empty.hidden = shown > 0;
  }

  // -- choosing

  #pick(key, on) {
    if (on) this.selected.add(key);
    else this.selected.delete(key);
    this.#marks();
  }

  // What a button acts on: of the selected those that can be seen, and no line behind a filter.
  #named() {
    return this.fitting.filter((row) => this.selected.has(row.key));
  }

  #marks() {
    for (const [key, { tr, box }] of this.drawn) {
      const on = this.selected.has(key);
      if (box && box.checked !== on) box.checked = on;
      if (tr.hasAttribute("data-selected") !== on) tr.toggleAttribute("data-selected", on);
    }
    const chosen = this.#named();
    this.chosen.hidden = !chosen.length;
    this.chosen.textContent = chosen.length ? `${chosen.length} selected` : "";
    this.#offer(chosen);
    if (this.all) {
      this.all.checked = chosen.length > 0 && chosen.length === this.fitting.length;
      this.all.indeterminate = chosen.length > 0 && chosen.length < this.fitting.length;
    }
  }

  #offer(chosen) {
    const had = this.buttons.findIndex(([, button]) => button === document.activeElement);
    for (const [action, button] of this.buttons) {
      const right = { none: true, one: chosen.length === 1, some: chosen.length > 0 }[action.needs];
      const fits = !action.states.length || chosen.every((row) => action.states.includes(row.state));
      button.disabled = this.isLost || !(right && fits);
      // what does not apply is not in the way
      button.hidden = button.disabled;
    }
    if (had < 0 || !this.buttons[had][1].hidden) return;
    // who pressed a key must not find themselves at the top of the page
    const near = this.buttons.find(([, button], at) => at > had && !button.hidden) ?? this.buttons.find(([, button]) => !button.hidden);
    (near?.[1] ?? this.search).focus();
  }

  #sortBy(field) {
    const now = this.sort?.field === field ? this.sort.direction : 0;
    const direction = { 0: 1, 1: -1, "-1": 0 }[now];
    this.sort = direction ? { field, direction } : null;
    clear(this.head, this.#headers());
    this.#arrange(false);
    this.head.querySelectorAll(".nbc-sort")[this.#columns.findIndex(([f]) => f === field)]?.focus();
  }

  #walk(event) {
    stop(event);
    const tr = event.target.closest("tbody tr");
    const next = { ArrowDown: tr?.nextElementSibling, ArrowUp: tr?.previousElementSibling }[event.key];
    if (!next) return;
    event.preventDefault();
    next.querySelector("input")?.focus();
  }
}

// Keys that are for the table must not reach the notebook, where letters are commands.
function stop(event) {
  event.stopPropagation();
}

function flash(tr, name = "nbc-changed") {
  tr.classList.remove("nbc-changed", "nbc-new");
  void tr.offsetWidth; // begins the animation anew
  tr.classList.add(name);
}
