// Small charts: a line over the last minute, its newest value at the right.
import { size } from "./size.js";

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, POINTS] = [56, 16, 60];
const RATE = { least: 10_000, words: (value) => `${size(value)} a second` };
// `least`: what is less than this is drawn low, since a percent or a packet is no peak
const KINDS = {
  NetIO: RATE,
  BlockIO: RATE,
  PIDs: { least: 5, words: (value) => String(value) },
};
const PERCENT = { least: 10, words: (value) => `${value.toFixed(1)} %` };

export function sparkline(values, field, header) {
  const { least, words } = KINDS[field] ?? PERCENT;
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("width", WIDTH);
  svg.setAttribute("height", HEIGHT);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${header} over the last minute, now ${words(values.at(-1) ?? 0)}`);
  if (values.length < 2) return svg;
  const most = Math.max(...values, least);
  const step = WIDTH / (POINTS - 1);
  const start = WIDTH - step * (values.length - 1);
  const points = values.map((value, at) =>
    `${(start + at * step).toFixed(1)},${(HEIGHT - 1.5 - (value / most) * (HEIGHT - 3)).toFixed(1)}`);
  const area = document.createElementNS(SVG, "polygon");
  area.setAttribute("points", `${start.toFixed(1)},${HEIGHT} ${points.join(" ")} ${WIDTH},${HEIGHT}`);
  area.setAttribute("class", "nbc-area");
  const line = document.createElementNS(SVG, "polyline");
  line.setAttribute("points", points.join(" "));
  line.setAttribute("class", "nbc-line");
  svg.append(area, line);
  return svg;
}
