import assert from "node:assert/strict";
import test from "node:test";
import { compare } from "./order.js";

const row = (state, at, text = "") => ({
  state, cells: { Status: text }, ages: at ? { Status: ["{}", at] } : {}, figures: {},
});
const sorted = (rows) => [...rows].sort((a, b) => compare(a, b, "Status")).map((each) => each.state + (each.ages.Status?.[1] ?? ""));

test("who runs comes first, then by age", () => {
  const rows = [row("exited", 5), row("created", 0, "Created"), row("running", 3), row("paused", 9), row("running", 7), row("exited", 8)];
  assert.deepEqual(sorted(rows), ["running7", "running3", "paused9", "created", "exited8", "exited5"]);
});

test("sizes are told apart by their units", () => {
  const of = (Size) => ({ cells: { Size }, ages: {}, figures: {} });
  assert.ok(compare(of("9MB"), of("10kB"), "Size") > 0);
});
