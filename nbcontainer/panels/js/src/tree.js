// Paths to a tree: folders carry what lies in them.
export function grow(files) {
  const root = { name: "/", size: 0, kind: "", children: new Map() };
  for (const { path, size_bytes: bytes, kind } of files) {
    let node = root;
    // what a layer removes weighs nothing in it
    const weight = kind === "D" ? 0 : bytes;
    node.size += weight;
    for (const name of path.split("/").filter(Boolean)) {
      if (!node.children.has(name)) node.children.set(name, { name, size: 0, kind: "", children: new Map() });
      node = node.children.get(name);
      node.size += weight;
    }
    node.size += bytes - weight;
    node.kind = kind;
  }
  return root;
}

// The biggest first, then by name.
export const ordered = (node) =>
  [...node.children.values()].sort((a, b) => b.size - a.size || a.name.localeCompare(b.name));
