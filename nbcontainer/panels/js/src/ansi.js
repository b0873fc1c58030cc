// Text with SGR sequences to elements; every other control was taken out before it came here.
import { h } from "./dom.js";

const NAMES = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"];
const ON = { 1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "inverse", 9: "strike" };
const OFF = { 22: ["bold", "dim"], 23: ["italic"], 24: ["underline"], 27: ["inverse"], 29: ["strike"] };
const LEVELS = [0, 95, 135, 175, 215, 255];
const hex = (...parts) => `#${parts.map((part) => Math.min(Math.max(part | 0, 0), 255).toString(16).padStart(2, "0")).join("")}`;

function palette(number) {
  if (number < 16) return NAMES[number % 8];
  if (number < 232) {
    const at = number - 16;
    return hex(LEVELS[Math.floor(at / 36)], LEVELS[Math.floor(at / 6) % 6], LEVELS[at % 6]);
  }
  const grey = 8 + 10 * (Math.min(number, 255) - 232);
  return hex(grey, grey, grey);
}

// The colour after 38 or 48, and how many numbers it took.
function extended(codes) {
  if (codes[0] === 5 && codes.length > 1) return [palette(codes[1]), 2];
  if (codes[0] === 2 && codes.length > 3) return [hex(codes[1], codes[2], codes[3]), 4];
  return [null, codes.length];
}

function step(style, codes) {
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at];
    if (code === 0) style = {};
    else if (code in ON) style = { ...style, [ON[code]]: true };
    else if (code in OFF) style = { ...style, ...Object.fromEntries(OFF[code].map((name) => [name, false])) };
    else if (code >= 30 && code <= 37) style = { ...style, colour: NAMES[code - 30] };
    else if (code >= 90 && code <= 97) style = { ...style, colour: NAMES[code - 90] };
    else if (code >= 40 && code <= 47) style = { ...style, paper: NAMES[code - 40] };
    else if (code >= 100 && code <= 107) style = { ...style, paper: NAMES[code - 100] };
    else if (code === 39) style = { ...style, colour: null };
    else if (code === 49) style = { ...style, paper: null };
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(at + 1));
      style = { ...style, [code === 38 ? "colour" : "paper"]: colour };
      at += used;
    }
  }
  return style;
}

// A colour with a name is the theme's; one with numbers is what the program asked for.
function dressed(style, text) {
  const { inverse, ...flags } = style;
  let { colour, paper } = style;
  if (inverse) [colour, paper] = [paper ?? "paper", colour ?? "ink"];
  delete flags.colour;
  delete flags.paper;
  const classes = Object.keys(flags).filter((name) => flags[name]).map((name) => `nbc-ansi-${name}`);
  const rules = [];
  if (colour?.startsWith("#")) rules.push(`color:${colour}`);
  else if (colour) classes.push(`nbc-ansi-${colour}`);
  if (paper?.startsWith("#")) rules.push(`background-color:${paper}`);
  else if (paper) classes.push(`nbc-ansi-on-${paper}`);
  if (!classes.length && !rules.length) return text;
  return h("span", { class: classes.join(" ") || null, style: rules.join(";") || null }, text);
}

// Returns [elements, the style that the next text begins with].
export function ansi(text, style = {}) {
  const out = [];
  for (const part of text.split(/(\x1b\[[0-9;:]*m)/)) {
    if (part.startsWith("\x1b[")) style = step(style, part.slice(2, -1).split(/[;:]/).map(Number));
    else if (part) out.push(dressed(style, part));
  }
  return [out, style];
}

// What stands in a line once its carriage returns were followed: each begins it anew.
export function settled(text) {
  const end = text.endsWith("\n") ? "\n" : "";
  const parts = text.slice(0, text.length - end.length).replace(/\r+$/, "").split("\r");
  if (parts.length === 1) return parts[0] + end;
  // colours that were set in what is overwritten hold on
  const colours = parts.slice(0, -1).flatMap((part) => part.match(/\x1b\[[0-9;:]*m/g) ?? []);
  return colours.join("") + parts.at(-1) + end;
}
