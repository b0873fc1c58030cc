// How lines are put in order, and which text of theirs a filter finds.
const UNITS = { b: 1, kb: 1e3, mb: 1e6, gb: 1e9, tb: 1e12, kib: 1024, mib: 1024 ** 2, gib: 1024 ** 3 };
const STATES = ["running", "paused", "restarting", "removing", "created", "exited", "dead"];
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

// What a cell is sorted by: a moment, a number with its unit, else the text.
function measure(row, field) {
  if (row.ages[field]) return row.ages[field][1];
  const text = row.cells[field] ?? "";
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b|%)?(?:\s|$)/i.exec(text);
  return match ? Number(match[1]) * (UNITS[match[2]?.toLowerCase()] ?? 1) : text;
}

function standing(row) {
  const at = STATES.indexOf(row.state);
  return at < 0 ? STATES.length : at;
}

export function compare(a, b, field) {
  if (field === "Status" && standing(a) !== standing(b)) return standing(a) - standing(b);
  const x = measure(a, field);
  const y = measure(b, field);
  // of equals in state the youngest first, as in the table that nobody sorted
  if (field === "Status" && a.ages[field] && b.ages[field]) return y - x;
  if (typeof x === "number" && typeof y === "number") return x - y;
  return byText(a.cells[field] ?? "", b.cells[field] ?? "");
}

export const byText = (a, b) => collator.compare(a, b);

export const found = (row, needle) =>
  !needle || Object.values(row.cells).some((cell) => cell.toLowerCase().includes(needle));
