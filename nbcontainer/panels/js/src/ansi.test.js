import assert from "node:assert/strict";
import test from "node:test";

// the few words of a page that ansi.js needs
globalThis.document = {
  createElement: (tag) => ({
    tag, attributes: {}, children: [],
    setAttribute(name, value) { this.attributes[name] = value; },
    append(...children) { this.children.push(...children); },
  }),
};
const { ansi, settled } = await import("./ansi.js");

const look = ({ attributes, children }) => [[attributes.class, attributes.style].filter(Boolean).join(" "), ...children];
const read = (text, style) => {
  const [parts, after] = ansi(text, style);
  return [parts.map((part) => (typeof part === "string" ? part : look(part))), after];
};

test("colours become classes, and the rest is text", () => {
  assert.deepEqual(read("a\x1b[1;31mb\x1b[0mc<b>")[0], ["a", ["nbc-ansi-bold nbc-ansi-red", "b"], "c<b>"]);
});

test("a colour goes on in the next line", () => {
  const [, style] = read("\x1b[32mgreen");
  assert.deepEqual(read("still", style)[0], [["nbc-ansi-green", "still"]]);
});

test("colours that have no name are their numbers, before and behind the letters", () => {
  assert.deepEqual(read("\x1b[38;5;196mx\x1b[48;2;1;2;3my")[0], [["color:#ff0000", "x"], ["color:#ff0000;background-color:#010203", "y"]]);
  assert.deepEqual(read("\x1b[38;5;2mx\x1b[0;38;5;232my")[0], [["nbc-ansi-green", "x"], ["color:#080808", "y"]]);
});

test("a background and an inverse are seen, and end", () => {
  assert.deepEqual(read("\x1b[41ma\x1b[49;7mb\x1b[27mc")[0], [["nbc-ansi-on-red", "a"], ["nbc-ansi-paper nbc-ansi-on-ink", "b"], "c"]);
});

test("numbers that are no colour do no harm", () => {
  assert.deepEqual(read("\x1b[38;5mx\x1b[38;2;999;0;0my")[0], ["x", ["color:#ff0000", "y"]]);
});

test("a carriage return begins the line anew", () => {
  assert.equal(settled("prog 10%\rprog 20%\n"), "prog 20%\n");
  assert.equal(settled("\x1b[32m10%\r20%"), "\x1b[32m20%");
  assert.equal(settled("dos\r\n"), "dos\n");
});
