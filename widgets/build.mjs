// Bundles src/ into the two files that the Python package ships. `node build.mjs [folder]` writes elsewhere.
// The banner carries a hash of the sources, so that a stale bundle is found out even where there is no Node.
import { createHash } from "node:crypto";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const src = join(here, "src");
const out = process.argv[2] ?? join(here, "..", "trex_nb", "widget", "static");

const hash = createHash("sha256");
for (const name of readdirSync(src).sort()) hash.update(name).update("\0").update(readFileSync(join(src, name))).update("\0");
const banner = `/* trex_nb explorer, built from widgets/src; sources ${hash.digest("hex").slice(0, 16)} */`;

// Every notebook that shows the explorer carries the bundle, so names of our own are shortened too: properties that stand in no
// wire message and that no browser object has.
const OURS = /^(element|requests|isWaiting|isReadOnly|isGone|subscribe|pressed|leave|kids|isStale|isAsked|goTo|isFlat|isNew|trouble|forget|parts|codes|placeOf|isOurs|inSight|chosen|show|select|forms|depth|marked|place|closed|store|close|latest|confirm|drop|query|current|fold|drawn|input|field|index|compare|changed|range|fit|action|tell|update|enter|search|help|places|follow)$/;

await build({
  entryPoints: [join(src, "explorer.js"), join(src, "explorer.css")],
  bundle: true,
  minify: true,
  mangleProps: OURS,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  outdir: out,
  banner: { js: banner, css: banner },
  logLevel: "warning",
});
