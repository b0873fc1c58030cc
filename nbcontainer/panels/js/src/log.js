// One container's output: it follows, is searched, and tells stdout from stderr.
import { ansi, settled } from "./ansi.js";
import { clear, h } from "./dom.js";

const KEPT_LINES = 5000;
const two = (number) => String(number).padStart(2, "0");

// A moment as this page's clock shows it, as events do.
function clock(at) {
  const when = new Date(at);
  const milliseconds = String(when.getMilliseconds()).padStart(3, "0");
  return `${two(when.getHours())}:${two(when.getMinutes())}:${two(when.getSeconds())}.${milliseconds}`;
}

export class LogView {
  // `choose`: there is a list of containers to choose one from; without it the view can be closed.
  constructor({ close, choose, times }) {
    this.name = "";
    this.title = h("b", {});
    this.state = h("span", { class: "nbc-count nbc-log-state", role: "status" });
    this.cut = h("span", { class: "nbc-count", hidden: true }, `only the last ${KEPT_LINES} lines`);
    this.pre = h("pre", { class: "nbc-output", tabindex: "0", role: "log", "aria-label": "Output" });
    this.search = h("input", {
      type: "search", class: "nbc-filter", placeholder: "Search…", "aria-label": "Search the output",
      oninput: () => this.#sift(), onkeydown: (event) => event.stopPropagation(),
    });
    this.streams = h("select", {
      "aria-label": "Which output", class: "nbc-select", onchange: () => this.#sift(),
    }, ...[["", "stdout + stderr"], ["stdout", "stdout"], ["stderr", "stderr"]].map(([value, text]) => h("option", { value }, text)));
    this.times = h("input", { type: "checkbox", checked: times, onchange: () => this.#dress() });
    this.names = choose && h("select", {
      "aria-label": "Which container", class: "nbc-select", onchange: () => choose(this.names.value),
    });
    this.element = h("section", { class: "nbc-log", hidden: true, "aria-label": "Logs" },
      h("div", { class: "nbc-bar" }, h("span", { class: "nbc-live" }, "logs"), this.names ?? this.title, this.state, this.cut, h("span", { class: "nbc-space" }),
        h("label", { class: "nbc-check" }, this.times, "times"), this.streams, this.search,
        !choose && h("button", { type: "button", class: "nbc-button", "aria-label": "Close the logs", onclick: () => { this.element.hidden = true; this.name = ""; close(); } }, "✕")),
      this.pre);
    this.#dress();
  }

  // The containers that there are, for the list.
  offer(names) {
    if (!this.names) return;
    const all = this.name && !names.includes(this.name) ? [this.name, ...names] : names;
    const shown = [...this.names.options].map((option) => option.value);
    const wanted = this.name ? all : ["", ...all];
    if (shown.join("\n") !== wanted.join("\n")) {
      clear(this.names, ...wanted.map((value) => h("option", { value }, value || "Choose a container")));
    }
    this.names.value = this.name;
  }

  open(name) {
    this.name = name;
    this.title.textContent = name;
    this.#begin();
    this.element.hidden = false;
  }

  hear(message) {
    if (message.name !== this.name) return;
    if (message.begin) this.#begin();
    if (message.lines) this.#add(message.lines);
    if (message.again) this.state.textContent = "";
    if ("end" in message) this.state.textContent = message.end || "the container has ended";
  }

  #begin() {
    this.state.textContent = "";
    this.cut.hidden = true;
    this.styles = { stdout: {}, stderr: {} };
    this.open_ = {}; // stream -> a line whose end did not come yet
    clear(this.pre);
  }

  #dress() {
    this.pre.classList.toggle("nbc-times", this.times.checked);
  }

  #add(lines) {
    const follows = this.pre.scrollHeight - this.pre.scrollTop - this.pre.clientHeight < 30;
    for (const [stream, text, at] of lines) this.#line(stream, text, at);
    while (this.pre.childElementCount > KEPT_LINES) {
      this.pre.firstElementChild.remove();
      this.cut.hidden = false;
    }
    if (follows) this.pre.scrollTop = this.pre.scrollHeight;
  }

  // A line that has no end yet (progress, a prompt) is drawn again with what comes after it.
  #line(stream, text, at) {
    const begun = this.open_[stream];
    const whole = (begun?.text ?? "") + text;
    const before = begun?.style ?? this.styles[stream];
    const [parts, style] = ansi(settled(whole), before);
    this.styles[stream] = style;
    const line = begun?.line ?? h("span", { class: "nbc-out", "data-stream": stream, "data-at": clock(at) });
    clear(line, ...parts);
    line.hidden = !this.#fits(line);
    if (!begun) this.pre.append(line);
    if (whole.endsWith("\n")) delete this.open_[stream];
    else this.open_[stream] = { text: whole, line, style: before };
  }

  #fits(line) {
    const needle = this.search.value.toLowerCase();
    return (!this.streams.value || line.dataset.stream === this.streams.value) &&
      (!needle || line.textContent.toLowerCase().includes(needle));
  }

  #sift() {
    for (const line of this.pre.children) line.hidden = !this.#fits(line);
  }
}
