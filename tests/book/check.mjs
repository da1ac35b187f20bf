// Checks what `cargo test` cannot see: that every Mermaid block of the pages parses, and that no
// link of the built book is dead.

import { readdirSync, readFileSync, existsSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import vm from "node:vm";

const complaints = [];

// Mermaid is made for browsers. For parsing it only wants to see a window; to one without
// `createHTMLDocument` its DOMPurify does nothing.
globalThis.window = {
  document: { nodeType: 9, implementation: {}, createElement: () => ({}) },
  Element: class {},
};
vm.runInThisContext(readFileSync("docs/mermaid.min.js", "utf8"));

const docs = readdirSync("docs").filter((name) => name.endsWith(".md"));
let diagrams = 0;
for (const path of ["README.md", "CONTRIBUTING.md", ...docs.map((name) => join("docs", name))]) {
  const text = readFileSync(path, "utf8");
  for (const block of text.matchAll(/^```mermaid\n(.*?)^```/gms)) {
    diagrams += 1;
    try {
      await mermaid.parse(block[1]);
    } catch (error) {
      const line = text.slice(0, block.index).split("\n").length;
      complaints.push(`${path}:${line}: this diagram does not parse: ${error.message}`);
    }
  }
}

const book = "docs/book";
const files = readdirSync(book, { recursive: true }).filter((name) => name.endsWith(".html"));
const texts = new Map(files.map((name) => [name, readFileSync(join(book, name), "utf8")]));
const ids = (text) => new Set([...text.matchAll(/\sid="([^"]+)"/g)].map((found) => found[1]));
const anchors = new Map([...texts].map(([name, text]) => [name, ids(text)]));
let links = 0;
for (const [name, text] of texts) {
  if (name === "404.html") continue; // its links begin at the root of a server
  for (const [, target] of text.matchAll(/\s(?:href|src)="([^"]+)"/g)) {
    if (/^(https:|data:)/.test(target)) continue;
    links += 1;
    const [file, anchor] = target.split("#");
    const to = file === "" ? name : relative(book, normalize(join(book, dirname(name), file)));
    const known = anchors.get(to);
    if (!existsSync(join(book, to)) || (anchor && !known?.has(decodeURIComponent(anchor)))) {
      complaints.push(`${book}/${name}: ${target} leads nowhere`);
    }
  }
}

for (const complaint of complaints) console.error(complaint);
// A check that looked at nothing has checked nothing.
if (complaints.length > 0 || diagrams === 0 || links === 0) process.exit(1);
console.log(`${diagrams} diagrams parse; ${links} links of the book lead somewhere`);
