// The page's side of the layer explorer.
import { clear, h } from "./dom.js";
import { size } from "./size.js";
import { grow, ordered } from "./tree.js";

const KINDS = { A: ["added", "+"], C: ["changed", "~"], D: ["removed", "−"], W: ["wasted", "!"] };
// a short list is shown whole, of a long one the first folders
const SHORT = 40;
const OPEN_DEPTH = 2;

function chip(kind, count) {
  const [word, sign] = KINDS[kind];
  return h("span", { class: `nbcl-chip nbcl-${word}`, title: `${count} ${word}` }, `${sign}${count}`);
}

function branch(node, left) {
  const word = KINDS[node.kind]?.[0];
  const label = [
    h("span", { class: `nbcl-name ${word ? `nbcl-${word}` : ""}` }, `${word ? KINDS[node.kind][1] : " "} ${node.name}`),
    h("span", { class: "nbcl-size" }, size(node.size)),
  ];
  if (!node.children.size) {
    const spoken = word && h("span", { class: "nbcl-unseen" }, word);
    return h("li", { role: "treeitem" }, h("div", { class: "nbcl-leaf" }, ...label, spoken));
  }
  const inner = h("ul", { role: "group" });
  const folder = h("details", {}, h("summary", {}, ...label), inner);
  const fill = () => inner.childElementCount || inner.append(...ordered(node).map((child) => branch(child, left - 1)));
  folder.addEventListener("toggle", () => folder.open && fill());
  if (left > 0) {
    fill();
    folder.open = true;
  }
  return h("li", { role: "treeitem" }, folder);
}

function render({ model, el }) {
  const { Layers: layers, Wasted: wasted = [], Efficiency: efficiency, WastedBytes: lost } = model.get("document");
  const most = Math.max(...layers.map((layer) => layer.SizeBytes), 1);
  const tree = h("ul", { class: "nbcl-tree", role: "tree", "aria-label": "Paths" });
  const heading = h("h4", { class: "nbcl-heading" });
  const more = h("p", { class: "nbcl-none", hidden: true });
  const show = (title, files, none, all = files.length) => {
    more.hidden = all <= files.length;
    more.textContent = `The ${files.length} biggest of ${all} paths.`;
    heading.textContent = title;
    clear(tree, ...(files.length ? ordered(grow(files)).map((node) => branch(node, files.length <= SHORT ? Infinity : OPEN_DEPTH)) : [h("li", { class: "nbcl-none" }, none)]));
  };
  const waste = () => show("Wasted: written more than once, or removed again",
    wasted.map((each) => ({ ...each, kind: "W" })), "Nothing: every byte is seen.");
  const rows = [...layers].reverse().map((layer) => {
    const unseen = layer.SizeBytes - layer.KeptBytes;
    const bar = h("span", { class: "nbcl-bar", "aria-hidden": "true" },
      h("span", { class: "nbcl-kept", style: `width:${(100 * layer.KeptBytes) / most}%` }),
      h("span", { class: "nbcl-lost", style: `width:${(100 * unseen) / most}%` }));
    const button = h("button", {
      type: "button", class: "nbcl-layer", "aria-pressed": "false",
      title: unseen ? `${size(unseen)} of it are hidden by layers above` : "",
      disabled: !layer.Tree,
      onclick: () => choose(button, () => show(`Layer ${layer.Number}`, layer.Tree, "It changes no file.", layer.Paths)),
    },
    h("span", { class: "nbcl-number" }, String(layer.Number)), bar, h("span", { class: "nbcl-size" }, size(layer.SizeBytes)),
    h("span", { class: "nbcl-counts" }, chip("A", layer.Added), chip("C", layer.Changed), chip("D", layer.Removed)),
    h("code", { class: "nbcl-by" }, layer.CreatedBy || layer.ID));
    return button;
  });
  const all = h("button", { type: "button", class: "nbcl-all", "aria-pressed": "true", onclick: () => choose(all, waste) },
    h("b", {}, `${(100 * efficiency).toFixed(1)} %`), ` efficient, ${size(lost)} wasted`);
  const choose = (button, act) => {
    for (const other of [all, ...rows]) other.setAttribute("aria-pressed", other === button);
    act();
  };
  el.classList.add("nbcl");
  el.setAttribute("data-lm-suppress-shortcuts", "true");
  el.append(
    h("div", { class: "nbcl-head" }, h("b", {}, model.get("title")), h("span", {}, layers.length === 1 ? "1 layer" : `${layers.length} layers, the topmost first`), all),
    h("div", { class: "nbcl-body" }, h("div", { class: "nbcl-stack" }, ...rows), h("div", { class: "nbcl-side" }, heading, more, tree)));
  waste();
}

export default { render };
