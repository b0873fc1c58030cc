// The page's side of a terminal: xterm.js, fed with bytes, answering how far it has drawn.
import { FitAddon } from "@xterm/addon-fit";
import { Terminal } from "@xterm/xterm";
import { h } from "./dom.js";
import { watchKernel } from "./notebook.js";
import { screenText } from "./screen.js";

// each answer costs the kernel a millisecond: four a window, and one when it is quiet again
const ACK_BYTES = 1 << 19;
const ACK_MS = 60;
const PASTE_BYTES = 1 << 15;
const SETTLED_MS = 1500;
const LIGHT = {
  background: "#fbfbfc", foreground: "#1c1f23", cursor: "#0860c4", selectionBackground: "#b6d6f7",
  black: "#1c1f23", red: "#b3261e", green: "#14713a", yellow: "#7d5200", blue: "#0860c4", magenta: "#8b32a3", cyan: "#06657b", white: "#59636e",
  brightBlack: "#59636e", brightRed: "#c93c33", brightGreen: "#1a7f43", brightYellow: "#8a5a00", brightBlue: "#1a73d9", brightMagenta: "#9c3fb5", brightCyan: "#06728a", brightWhite: "#30363d",
};
const DARK = {
  background: "#111418", foreground: "#e6e9ed", cursor: "#79b8ff", selectionBackground: "#2f4d70",
  black: "#3a424c", red: "#ff8f86", green: "#4cc47a", yellow: "#e0b04c", blue: "#79b8ff", magenta: "#d99cf0", cyan: "#5fd0e6", white: "#d5dae0",
  brightBlack: "#8b96a3", brightRed: "#ffb1aa", brightGreen: "#7fdca0", brightYellow: "#f0cc80", brightBlue: "#a5d0ff", brightMagenta: "#e8c0f7", brightCyan: "#98e3f1", brightWhite: "#ffffff",
};

const isDark = () =>
  document.body.dataset.jpThemeLight === "false" || document.body.classList.contains("vscode-dark") ||
  (!("jpThemeLight" in document.body.dataset) && !document.body.className.includes("vscode-") && matchMedia("(prefers-color-scheme: dark)").matches);

class View {
  constructor(model, el) {
    this.model = model;
    this.page = Math.random().toString(36).slice(2);
    this.seen = 0; // bytes that were handed to the screen
    this.drawn = 0; // bytes that it has drawn
    this.acked = 0;
    el.classList.add("nbct");
    // the keys are the program's: the page's own shortcuts must not take them
    el.setAttribute("data-lm-suppress-shortcuts", "true");
    this.el = el;
    this.state = h("span", { class: "nbct-state", role: "status", "aria-live": "polite" });
    this.leave = h("button", { type: "button", class: "nbct-button", title: "Ctrl-P Ctrl-Q", onclick: () => this.#send({ t: "detach" }) }, "Detach");
    this.back = h("button", { type: "button", class: "nbct-button", hidden: true, onclick: () => this.#send({ t: "attach" }) }, "Attach again");
    this.box = h("div", { class: "nbct-box" });
    el.append(
      this.bar = h("div", { class: "nbct-bar", tabindex: "-1" }, h("code", { class: "nbct-line" }, model.get("line")), this.state,
        h("span", { class: "nbct-space" }), this.leave, this.back), this.box);
    this.term = new Terminal({
      cols: 80, rows: 20, fontSize: 13, lineHeight: 1.15, scrollback: 5000, cursorBlink: false,
      fontFamily: getComputedStyle(el).getPropertyValue("--jp-code-font-family") || "ui-monospace, monospace",
      theme: isDark() ? DARK : LIGHT, minimumContrastRatio: 4.5, allowProposedApi: true,
    });
    this.fit = new FitAddon();
    this.term.loadAddon(this.fit);
    this.term.open(this.box);
    this.term.textarea?.setAttribute("aria-label", `Terminal: ${model.get("line")}. Shift-Escape leaves it.`);
    this.term.attachCustomKeyEventHandler((event) => {
      // where no program reads keys, Tab is the page's
      if (event.key === "Tab" && this.status !== "running") return false;
      if (event.key !== "Escape" || !event.shiftKey) return true;
      this.#goOut(); // a keyboard's way out
      return false;
    });
    this.#connect();
  }

  #goOut() {
    ([this.leave, this.back].find((button) => !button.hidden) ?? this.bar).focus();
  }

  #connect() {
    const { model, term } = this;
    const bytes = new TextEncoder();
    term.onData((text) => this.#type(bytes.encode(text)));
    term.onBinary((text) => this.#type(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));
    term.onResize(({ cols, rows }) => this.#send({ t: "size", cols, rows }));
    this.hear = (message, buffers) => this.#hear(message, buffers);
    model.on("msg:custom", this.hear);
    this.restate = () => this.#state(model.get("status"), model.get("note"));
    model.on("change:status change:note", this.restate);
    this.resizes = new ResizeObserver(() => this.box.clientWidth > 40 && this.fit.fit());
    this.resizes.observe(this.box);
    this.themes = new MutationObserver(() => (term.options.theme = isDark() ? DARK : LIGHT));
    this.themes.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light", "class"] });
    this.unwatch = watchKernel(model, () => this.#lost());
    if (this.box.clientWidth > 40) this.fit.fit();
    this.restate();
    this.#send({ t: "ready", page: this.page, from: 0 });
    this.#send({ t: "size", cols: term.cols, rows: term.rows });
    // where no kernel answers, the saved screen is all there is
    this.silent = setTimeout(() => this.#replay(), 3000);
  }

  end() {
    clearTimeout(this.silent);
    clearTimeout(this.settled);
    clearTimeout(this.answer);
    this.model.off("msg:custom", this.hear);
    this.model.off("change:status change:note", this.restate);
    this.resizes.disconnect();
    this.themes.disconnect();
    this.unwatch();
    this.term.dispose();
  }

  #send(message, ...buffers) {
    try {
      this.model.send(message, undefined, buffers);
    } catch {
      this.#lost();
    }
  }

  #type(data) {
    if (this.status !== "running") return;
    for (let at = 0; at < data.length; at += PASTE_BYTES) {
      this.#send({ t: "in" }, data.slice(at, at + PASTE_BYTES).buffer);
    }
  }

  #hear(message, buffers) {
    if (message.page && message.page !== this.page) return;
    clearTimeout(this.silent);
    if (message.t === "out") this.#write(message.at, buffers[0], message.page);
    if (message.t === "shown") this.asking = false;
    if (message.t === "shown" || message.t === "over") this.#state(message.status, message.note);
    else if (message.t === "back") this.term.focus();
    if (message.t === "over") this.#settle(50);
  }

  #write(at, buffer, isReplay) {
    let data = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    if (at > this.seen && !isReplay) {
      // a packet was lost on its way: ask for what is missing, and for what came after it
      if (!this.asking) this.#send({ t: "ready", page: this.page, from: this.seen });
      this.asking = true;
      return;
    }
    // the oldest of what is kept may begin later than what was asked for
    if (at < this.seen) data = data.subarray(this.seen - at);
    else this.seen = at;
    if (!data.length) return;
    this.seen += data.length;
    const end = this.seen;
    this.term.write(data, () => {
      this.drawn = end;
      clearTimeout(this.answer);
      if (end - this.acked >= ACK_BYTES) this.#ack();
      else this.answer = setTimeout(() => this.#ack(), ACK_MS);
      this.#settle(SETTLED_MS);
    });
  }

  #ack() {
    this.acked = this.drawn;
    this.#send({ t: "ack", n: this.drawn });
  }

  // What a saved notebook shows where there is no widget.
  #settle(after) {
    clearTimeout(this.settled);
    this.settled = setTimeout(() => this.#send({ t: "screen", text: screenText(this.term) }), after);
  }

  #state(status, note) {
    this.status = status;
    this.el.dataset.status = status;
    this.state.textContent = note || { running: "running" }[status] || status;
    this.leave.hidden = status !== "running";
    this.back.hidden = !(status === "detached" && this.model.get("can_return"));
    this.term.options.disableStdin = status !== "running";
    this.term.options.cursorInactiveStyle = status === "running" ? "outline" : "none";
  }

  #lost() {
    this.#state("lost", "the notebook kernel is gone: read only");
  }

  #replay() {
    this.#state("lost", "read only: as it was saved");
    this.term.write(this.model.get("screen").replaceAll("\n", "\r\n"));
  }
}

export default {
  render({ model, el }) {
    const view = (el.nbct = new View(model, el));
    return () => view.end();
  },
};
