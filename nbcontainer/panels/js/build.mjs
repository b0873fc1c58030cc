// Bundle the sources into ../static, or into the folder that is named: CI compares the two.
import { build } from "esbuild";

await build({
  entryPoints: ["board", "explorer", "terminal"].flatMap((name) => [`src/${name}.js`, `src/${name}.css`]),
  outdir: process.argv[2] ?? "../static",
  bundle: true,
  format: "esm",
  minify: true,
  target: "es2022",
  charset: "utf8",
  legalComments: "inline",
  logLevel: "warning",
});
