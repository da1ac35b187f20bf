// Puts the files that the pages quote into the built book, whole, for look.js to link; and takes
// out of its search what nobody looks for there: the sources of the diagrams,
// and the answers that a page hides until they are asked for. The index of stems goes too:
// search.js, which goes in front, reads the texts.

import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const book = "docs/book";
const [name] = readdirSync(book).filter((file) => /^searchindex.*\.js$/.test(file));
const begin = "window.search = Object.assign(window.search, JSON.parse('";
const end = "'));";
const script = readFileSync(join(book, name), "utf8").trim();
if (!script.startsWith(begin) || !script.endsWith(end)) {
  throw new Error(`${name} does not look as mdBook 0.5.0 writes it`);
}
// A JSON text inside a string of JavaScript: only \ and ' are escaped there.
const json = script.slice(begin.length, -end.length).replace(/\\([\\'])/g, "$1");
const search = JSON.parse(json);

const entities = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&#39;": "'", "&#x27;": "'" };
const text = (html) =>
  html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(lt|gt|amp|quot|#39|#x27);/g, (entity) => entities[entity])
    .replace(/\s+/g, " ")
    .trim();

// The texts of a page's sections, by the anchors of their headings.
const sections = (page) => {
  const html = readFileSync(join(book, page), "utf8");
  const main = html.slice(html.indexOf("<main>"), html.indexOf("</main>"));
  const seen = main
    .replace(/<details>.*?<\/details>/gs, " ")
    .replace(/<pre class="mermaid">.*?<\/pre>/gs, " ");
  const parts = seen.split(/<h[1-3][^>]*\sid="([^"]+)"[^>]*>.*?<\/h[1-3]>/s);
  const found = new Map();
  for (let i = 1; i < parts.length; i += 2) found.set(parts[i], text(parts[i + 1]));
  return found;
};

const pages = new Map();
let changed = 0;
search.doc_urls.forEach((url, id) => {
  const [page, anchor] = url.split("#");
  if (!pages.has(page)) pages.set(page, sections(page));
  const doc = search.index.documentStore.docs[id];
  const body = pages.get(page).get(anchor);
  if (body === undefined) throw new Error(`${name}: ${url} is no section of the book`);
  if (body !== doc.body) changed += 1;
  doc.body = body;
});
search.index.index = {};
const quoted = JSON.stringify(search).replace(/[\\']/g, "\\$&");
writeFileSync(join(book, name), `${readFileSync("tests/book/search.js", "utf8")}${begin}${quoted}${end}`);
console.log(`${search.doc_urls.length} sections can be searched; ${changed} without what is hidden`);

let copied = 0;
for (const file of readdirSync("docs").filter((file) => file.endsWith(".md"))) {
  const page = readFileSync(join("docs", file), "utf8");
  for (const [, path] of page.matchAll(/^```(?:rust|python|c) (\S+\/\S+\.\w+)$/gm)) {
    cpSync(path, join(book, "source", `${path}.txt`));
    copied += 1;
  }
}
if (copied === 0) throw new Error("no page quotes a file");
