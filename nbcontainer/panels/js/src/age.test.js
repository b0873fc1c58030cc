import assert from "node:assert/strict";
import test from "node:test";
import { aged, duration } from "./age.js";

// The same table stands in the test of units.human_duration: whoever changes one changes both.
const WORDS = [
  [0.4, "Less than a second"], [1, "1 second"], [59, "59 seconds"], [60, "About a minute"], [150, "2 minutes"],
  [3600, "About an hour"], [5400, "2 hours"], [7200, "2 hours"], [86400, "24 hours"], [3 * 86400, "3 days"],
  [20 * 86400, "2 weeks"], [90 * 86400, "3 months"], [800 * 86400, "2 years"],
];

test("a duration reads as Docker's", () => {
  for (const [seconds, words] of WORDS) assert.equal(duration(seconds), words);
});

test("a moment to come counts as now", () => {
  assert.equal(duration(-5), "Less than a second");
});

test("a cell grows older where its words say", () => {
  assert.equal(aged(["Up {} (healthy)", 1000], 4000), "Up 3 seconds (healthy)");
});
