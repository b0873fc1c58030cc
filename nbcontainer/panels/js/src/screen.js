// What stands on a terminal's screen, as lines of text with colours, for a notebook that is saved.
const MOST_LINES = 200;

function codes(cell) {
  const found = [];
  if (cell.isBold()) found.push(1);
  if (cell.isDim()) found.push(2);
  if (cell.isItalic()) found.push(3);
  if (cell.isUnderline()) found.push(4);
  if (cell.isInverse()) found.push(7);
  const colour = cell.getFgColor();
  if (cell.isFgPalette()) found.push(...(colour < 8 ? [30 + colour] : colour < 16 ? [82 + colour] : [38, 5, colour]));
  else if (cell.isFgRGB()) found.push(38, 2, (colour >> 16) & 255, (colour >> 8) & 255, colour & 255);
  return found.join(";");
}

export function screenText(term) {
  const buffer = term.buffer.active;
  const cell = buffer.getNullCell();
  const lines = [];
  for (let y = Math.max(0, buffer.length - MOST_LINES); y < buffer.length; y++) {
    const line = buffer.getLine(y);
    const width = line.translateToString(true).length ? line.length : 0;
    let text = "";
    let now = "";
    for (let x = 0; x < width; x++) {
      line.getCell(x, cell);
      if (cell.getWidth() === 0) continue;
      const wanted = codes(cell);
      if (wanted !== now) text += `\x1b[0${wanted ? ";" + wanted : ""}m`;
      now = wanted;
      text += cell.getChars() || " ";
    }
    text = text.trimEnd() + (now ? "\x1b[0m" : "");
    if (line.isWrapped && lines.length) lines[lines.length - 1] += text;
    else lines.push(text);
  }
  while (lines.length && !lines.at(-1)) lines.pop();
  return lines.join("\n");
}
