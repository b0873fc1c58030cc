// How long ago, in Docker's words; the twin of units.human_duration in Python.
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 1) return "Less than a second";
  if (whole < 60) return whole === 1 ? "1 second" : `${whole} seconds`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes === 1 ? "About a minute" : `${minutes} minutes`;
  const hours = Math.floor(seconds / 3600 + 0.5);
  if (hours < 48) return hours === 1 ? "About an hour" : `${hours} hours`;
  const days = Math.floor(hours / 24);
  if (days < 14) return `${days} days`;
  if (days < 60) return `${Math.floor(days / 7)} weeks`;
  if (days < 730) return `${Math.floor(days / 30)} months`;
  return `${Math.floor(Math.floor(Math.floor(seconds / 3600) / 24) / 365)} years`;
}

// The text of a cell that grows older: [text with {}, moment in ms].
export const aged = ([words, moment], now = Date.now()) =>
  words.replace("{}", duration((now - moment) / 1000));
