import assert from "node:assert/strict";
import test from "node:test";
import { size } from "./size.js";
import { grow, ordered } from "./tree.js";

test("folders carry what lies in them, the biggest first", () => {
  const root = grow([
    { path: "/usr/lib/a", size_bytes: 10, kind: "A" },
    { path: "/usr/lib/b", size_bytes: 30, kind: "C" },
    { path: "/etc/x", size_bytes: 5, kind: "D" },
  ]);
  assert.equal(root.size, 40);
  // what is removed has the size that it had, and weighs nothing in its folder
  assert.deepEqual(ordered(root).map((node) => [node.name, node.size]), [["usr", 40], ["etc", 0]]);
  assert.equal(root.children.get("etc").children.get("x").size, 5);
  const lib = root.children.get("usr").children.get("lib");
  assert.deepEqual(ordered(lib).map((node) => [node.name, node.kind]), [["b", "C"], ["a", "A"]]);
});

test("a size reads as Docker's", () => {
  assert.deepEqual([0, 999, 8310000, 1500, 2e9].map(size), ["0B", "999B", "8.31MB", "1.5kB", "2GB"]);
});
