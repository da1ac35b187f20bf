// Shows the built book as a browser does: every page, on a desk and on a phone, in the light and
// the dark theme. Reports what the console says, what is wider than the screen, code that is cut
// inside a word, and diagrams that were not drawn; the pictures are in target/book-look, for
// somebody to look at.
//
//   apt install chromium && npm install --prefix target/book-look playwright-core@1.56.1
//   tests/book/build && node tests/book/look.mjs

import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const output = resolve("target/book-look");
const { chromium } = createRequire(`${output}/`)("playwright-core");
mkdirSync(output, { recursive: true });

const hidden = ["404.html", "print.html", "toc.html", "index.html"];
const pages = readdirSync("docs/book").filter(
  (name) => name.endsWith(".html") && !hidden.includes(name),
);
const views = [
  { view: "desk", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { view: "phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"], // the pages are our own
});
let complaints = 0;
const complain = (...words) => {
  complaints += 1;
  console.error(...words);
};
for (const { view, ...settings } of views) {
  const context = await browser.newContext(settings);
  for (const name of pages) {
    const where = `${view} ${name}:`;
    const page = await context.newPage();
    page.on("console", (said) => {
      if (["error", "warning"].includes(said.type())) complain(where, said.text());
    });
    page.on("pageerror", (error) => complain(where, error.message));
    page.on("request", (request) => {
      if (!/^(file|data|blob):/.test(request.url())) complain(where, "asks for", request.url());
    });
    await page.goto(pathToFileURL(resolve("docs/book", name)).href, { waitUntil: "load" });
    await page.waitForFunction(() =>
      [...document.querySelectorAll("pre.mermaid")].every((block) => block.querySelector("svg")),
    );
    const found = await page.evaluate(() => {
      for (const answer of document.querySelectorAll("details")) answer.open = true;
      const wide = document.documentElement.scrollWidth - window.innerWidth;
      const failed = document.querySelectorAll("pre.mermaid svg[aria-roledescription=error]");
      // A table or block may be scrolled; anything else must fit.
      const cut = [...document.querySelectorAll("main *")].filter((element) => {
        const scrolls = element.closest("pre, .table-wrapper, svg");
        return !scrolls && element.getBoundingClientRect().right > window.innerWidth + 1;
      });
      // On a desk nothing but code is so wide that it must be scrolled.
      const blocks = [...document.querySelectorAll("main .table-wrapper, main pre.mermaid")];
      const scrolled = blocks.filter((block) => block.scrollWidth > block.clientWidth + 1);
      // Nor is a word of code in a sentence broken; look.js says where it may be.
      const broken = [];
      for (const code of document.querySelectorAll("main :not(pre) > code")) {
        const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
        while (texts.nextNode()) {
          for (const { 0: word, index } of texts.currentNode.data.matchAll(/\S+/g)) {
            const range = document.createRange();
            range.setStart(texts.currentNode, index);
            range.setEnd(texts.currentNode, index + word.length);
            const lines = new Set([...range.getClientRects()].map((rect) => rect.top));
            if (lines.size > 1) broken.push(word);
          }
        }
      }
      const missing = [...document.querySelectorAll("main img")].filter((image) => !image.naturalWidth);
      const begin = (element) => element.outerHTML.slice(0, 90);
      return {
        wide,
        failed: failed.length,
        missing: missing.map((image) => image.src),
        cut: cut.map(begin),
        scrolled: scrolled.map((block) => block.textContent.trim().slice(-90)),
        broken,
      };
    });
    if (found.wide > 0) complain(where, `${found.wide} pixels wider than the screen`);
    if (found.failed > 0) complain(where, `${found.failed} diagrams were not drawn`);
    for (const image of found.missing) complain(where, "is not shown:", image);
    for (const element of found.cut) complain(where, "is cut:", element);
    if (view === "desk") {
      for (const block of found.scrolled) complain(where, "must be scrolled: …", block);
    }
    for (const code of found.broken) complain(where, "code is broken:", code);
    const picture = `${output}/${view}-${name.replace(".html", ".png")}`;
    await page.screenshot({ path: picture, fullPage: true });
    await page.close();
  }
  await context.close();
}
await browser.close();
console.log(`${pages.length} pages seen in ${views.length} ways; ${complaints} complaints`);
process.exit(complaints > 0 ? 1 : 0);
