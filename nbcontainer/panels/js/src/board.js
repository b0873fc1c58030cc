// The page's side of a board: views under tabs or one alone, the echo of what was done, a log.
import { clear, h } from "./dom.js";
import { LogView } from "./log.js";
import { addCell, copy, watchKernel } from "./notebook.js";
import { TableView } from "./table.js";
import { Tabs } from "./tabs.js";

const PATIENCE_MS = 4000;

// The model is the whole board: its rows follow the patches, so that a second view of it, or one that is
// saved with the notebook, has them too.
function initialize({ model }) {
  model.on("msg:custom", (message) => {
    if (message.t !== "patch") return;
    const all = { ...model.get("rows") };
    const rows = new Map((all[message.view] ?? []).map((row) => [row.key, row]));
    for (const key of message.drop) rows.delete(key);
    for (const row of message.put) rows.set(row.key, row);
    all[message.view] = [...rows.values()];
    model.set("rows", all);
  });
}

function render({ model, el }) {
  const board = new Board(model, el);
  return () => board.end();
}

class Board {
  constructor(model, el) {
    this.model = model;
    this.el = el;
    this.number = 0;
    this.waiting = new Map();
    // several pages may show one board: what this one asks for is answered to it alone
    this.page = Math.random().toString(36).slice(2);
    this.view = "";
    el.classList.add("nbc");
    // keys are the table's here: the notebook's letters (d, d: cut a cell) must not act on it
    el.setAttribute("data-lm-suppress-shortcuts", "true");
    el.dataset.look = model.get("look");
    this.ticks = model.get("tick") === "on";
    this.tables = new Map(model.get("views").map((view) => [view.id, this.#table(view)]));
    const isPanel = el.dataset.look === "panel";
    this.log = new LogView({
      close: () => this.#send({ t: "log", name: "" }),
      choose: isPanel ? (name) => name && this.#follow(name) : null,
      times: model.get("log_times") === "on",
    });
    this.echo = h("div", { class: "nbc-echo", role: "status", "aria-live": "polite", hidden: true });
    this.echo.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Escape" && this.shown?.ask) this.#cancel();
    });
    this.lost = h("p", { class: "nbc-lost", role: "alert" }, "The notebook kernel is gone: this is what was last known.");
    const views = [...this.tables.values()];
    el.append(this.lost);
    if (isPanel) el.append(this.#tabs(views));
    el.append(...views.map((table) => table.element), this.log.element, this.echo);
    for (const [id, table] of this.tables) table.replace(model.get("rows")[id] ?? []);
    this.hear = (message) => this.#hear(message);
    model.on("msg:custom", this.hear);
    this.timer = setInterval(() => {
      if (document.hidden || !el.isConnected) return;
      for (const table of this.tables.values()) table.tick();
    }, 1000);
    this.unwatch = watchKernel(model, () => this.#lose());
    this.leave = () => this.#send({ t: "hidden" });
    addEventListener("pagehide", this.leave);
    this.#send({ t: "shown" });
    this.isShown = true;
    if (this.tabs) this.tabs.choose(0);
    else this.#look(this.tables.keys().next().value ?? "");
    if (model.get("log_of")) this.#showLog(model.get("log_of"));
  }

  #look(view) {
    this.view = view;
    if (this.isShown) this.#send({ t: "looks", view });
  }

  #follow(name) {
    this.log.open(name);
    this.log.offer(this.#names());
    this.#send({ t: "log", name });
  }

  // In a panel the output has a tab of its own, else it opens below the table.
  #showLog(name) {
    if (!this.tabs) return this.#follow(name);
    this.log.name = name;
    this.tabs.choose(this.tabs.parts.length - 1, true);
  }

  #names() {
    return [...(this.tables.get("containers")?.rows.values() ?? [])].map((row) => row.name);
  }

  end() {
    this.model.off("msg:custom", this.hear);
    clearInterval(this.timer);
    removeEventListener("pagehide", this.leave);
    this.unwatch();
    this.leave();
  }

  #send(message) {
    try {
      this.model.send({ ...message, page: this.page });
    } catch {
      this.#lose(); // there is no kernel behind it
    }
  }

  #lose() {
    this.el.classList.add("nbc-gone");
    clearInterval(this.timer);
    for (const table of this.tables.values()) table.lose();
    if (this.shown?.ask) this.#cancel();
    for (const entry of this.waiting.values()) entry.note = "The notebook kernel ended before it answered.";
    if (this.shown && this.waiting.has(this.shown.n)) this.#show(this.shown);
    this.waiting.clear();
  }

  #table(view) {
    return new TableView(view, { ticks: this.ticks, act: (...clicked) => this.#act(...clicked) });
  }

  #tabs(tables) {
    const parts = tables.map((table) => ({ title: table.view.title, element: table.element, view: table.view.id }));
    parts.push({ title: "Logs", element: this.log.element, view: "logs" });
    this.tabs = new Tabs(parts, ({ view }) => this.#turned(view));
    return this.tabs.element;
  }

  #turned(view) {
    const was = this.view;
    this.#look(view);
    // what nobody looks at is not followed
    if (was === "logs" && view !== "logs") this.#send({ t: "log", name: "" });
    if (view !== "logs") return;
    const name = this.log.name || this.#names()[0];
    if (name) this.#follow(name);
    else this.log.offer([]);
  }

  #hear(message) {
    if (message.page && message.page !== this.page) return;
    if (message.t === "patch") this.#patch(message);
    else if (message.t === "there") this.#send({ t: "here", view: this.view, name: this.#followed() });
    else if (message.t === "echo") this.#settle(message.n, (entry) => this.#begun(entry, message.line));
    else if (message.t === "done") this.#settle(message.n, (entry) => Object.assign(entry, message, { over: true }));
    else if (message.t === "log") this.log.hear(message);
  }

  #patch(message) {
    this.tables.get(message.view)?.patch(message);
    if (message.view === "containers") this.log.offer(this.#names());
  }

  #followed() {
    return this.log.element.hidden ? "" : this.log.name;
  }

  // -- what a click amounts to

  #act(action, rows, table) {
    const names = action.needs === "none" ? [] : rows.map((row) => row.name);
    const line = ["%cont", ...action.words, ...names, ...action.ending].join(" ");
    if (action.where === "cell") {
      const done = addCell(this.model, this.el, line);
      this.#show({ line, over: true, good: true, lines: [done ? "Put into a new cell: run it there." : "Copy it into a cell."] });
    } else if (action.where === "logs") {
      this.#showLog(names[0]);
      this.#show({ line, over: true, good: true, lines: [] });
    } else {
      const run = () => this.#run(action, table.view.id, names, line);
      this.cameFrom = document.activeElement;
      if (action.confirm) this.#show({ line, ask: run });
      else run();
    }
  }

  #run(action, view, names, line) {
    const n = ++this.number;
    const entry = { line, n };
    this.waiting.set(n, entry);
    this.#show(entry);
    this.#send({ t: "do", n, action: action.id, view, names });
    this.#wait(entry, "The notebook kernel is busy; this is done when it is free.");
  }

  // The kernel has it: from here on what takes long is the engine's work.
  #begun(entry, line) {
    Object.assign(entry, { line, note: "" });
    this.#wait(entry, "Not done yet: the engine is at it.");
  }

  #wait(entry, note) {
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.#settle(entry.n, (late) => (late.note = note)), PATIENCE_MS);
  }

  #settle(n, change) {
    const entry = this.waiting.get(n);
    if (!entry) return;
    change(entry);
    if (entry.over) {
      clearTimeout(entry.timer);
      this.waiting.delete(n);
    }
    // what is done is told, unless a question stands there that waits for its answer
    if (this.shown === entry || (entry.over && !this.shown?.ask)) this.#show(entry);
  }

  #cancel() {
    this.shown = null;
    this.echo.hidden = true;
    if (this.cameFrom?.isConnected && !this.cameFrom.hidden) this.cameFrom.focus();
  }

  #show(entry) {
    this.shown = entry;
    const { line } = entry;
    const note = h("span", { class: "nbc-note" });
    const copied = async () => (note.textContent = (await copy(line)) ? "Copied." : "Select the line and copy it.");
    const added = () => (note.textContent = addCell(this.model, this.el, line) ? "Put into a new cell." : "This page has no way to add a cell: copy the line.");
    const head = h("div", { class: "nbc-line" },
      h("code", { class: "nbc-command" }, line),
      entry.ask && h("button", { type: "button", class: "nbc-button nbc-danger", onclick: entry.ask }, "Do it"),
      entry.ask && h("button", { type: "button", class: "nbc-button", onclick: () => this.#cancel() }, "Cancel"),
      !entry.ask && h("button", { type: "button", class: "nbc-button", onclick: copied }, "Copy"),
      !entry.ask && h("button", { type: "button", class: "nbc-button", onclick: added }, "Add cell"),
      note);
    const outcome = entry.ask ? null : outcomeOf(entry);
    clear(this.echo, ...[head, outcome].filter(Boolean));
    this.echo.hidden = false;
    if (entry.ask) this.echo.querySelector(".nbc-danger").focus();
  }
}

// What came of it, a line each: what succeeded, what did not, else what it waits for.
function outcomeOf(entry) {
  const { lines = [], errors = [] } = entry;
  const told = [...lines.map((text) => [true, text]), ...errors.map((text) => [false, text])];
  if (entry.over && !told.length && entry.n) told.push([entry.good, ""]);
  if (!entry.over && entry.note) told.push([null, entry.note]);
  if (!told.length) return null;
  const mark = (good) => (good === null ? "…" : good ? "✓" : "✗");
  return h("div", { class: "nbc-outcomes" }, ...told.map(([good, text]) =>
    h("pre", { class: `nbc-outcome ${good === false ? "nbc-bad" : ""}` }, `${mark(good)} ${text}`.trim())));
}

export default { initialize, render };
