// Shows the built book as a browser does: every page, on a desk and on a phone, in the light and
// the dark theme. Reports what the console says, what is wider than the screen, code that is cut
// inside a word, diagrams that were not drawn, letters with a contrast below 4.5 in any theme,
// terminals that do not stand in the order of time, a copy button that copies what nobody types,
// and questions for which the search does not find their page. The pictures are in
// target/book-look, for somebody to look at.
//
//   apt install chromium && npm install --prefix target/book-look playwright-core@1.56.1
//   tests/book/build && node tests/book/look.mjs
//   node tests/book/look.mjs 01-echo      that page only

import { mkdirSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const output = resolve("target/book-look");
const { chromium } = createRequire(`${output}/`)("playwright-core");
mkdirSync(output, { recursive: true });

const only = process.argv.slice(2); // such as 01-echo; without any, all pages
const hidden = ["404.html", "print.html", "toc.html", "index.html"];
const pages = readdirSync("docs/book").filter(
  (name) =>
    name.endsWith(".html") &&
    !hidden.includes(name) &&
    (only.length === 0 || only.includes(name.replace(".html", ""))),
);
const views = [
  { view: "desk", colorScheme: "light", viewport: { width: 1280, height: 900 } },
  { view: "desk-dark", colorScheme: "dark", viewport: { width: 1280, height: 900 } },
  { view: "phone", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];
const themes = ["light", "rust", "coal", "navy", "ayu"];
// What a reader asks, and the page that has to be among the first three answers.
const questions = {
  粘包: "05-sticky-packets",
  半关闭: "glossary",
  TIME_WAIT: "tcp-life",
  "TIME-WAIT": "tcp-life",
  "time wait": "tcp-life",
  "half-close": "01-echo",
  "connection refused": "errors",
  "Address already in use": "errors",
  "broken pipe": "errors",
  datagram: "03-udp-chat",
  "round trip": "04-time-sync",
  Nagle: "05-sticky-packets",
  "path traversal": "06-file-transfer",
  "replay attack": "07-legitimacy-check",
  "what does a thread cost?": "08-threaded-server",
};

// The letters of the page that are hard to read on what lies below them (WCAG 2, 1.4.3).
const pale = (theme) => {
  document.documentElement.classList.remove("light", "rust", "coal", "navy", "ayu");
  document.documentElement.classList.add(theme);
  for (const name of ["highlight", "ayu-highlight", "tomorrow-night"]) {
    const of = { light: "highlight", rust: "highlight", ayu: "ayu-highlight" }[theme] ?? "tomorrow-night";
    document.querySelector(`#mdbook-${name}-css`).disabled = name !== of;
  }
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = (colour) => {
    const [r, g, b] = [...colour].slice(0, 3).map((part) => {
      const s = part / 255;
      return s <= 0.04045 ? s / 12.92 : ((s + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const below = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255, 255];
  };
  const found = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || element.closest("svg, script, noscript, .hidden")) continue;
    if (!element.checkVisibility()) continue;
    const [a, b] = [light(rgba(getComputedStyle(element).color)), light(below(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast >= 4.5) continue;
    const kind = `${element.tagName} ${element.className} in ${element.parentElement.className}`;
    found.set(kind, `${contrast.toFixed(1)} ${kind}: ${texts.currentNode.data.trim().slice(0, 30)}`);
  }
  return [...found.values()];
};

// Where the blocks of the sessions stand.
const disorder = (phone) => {
  const complaints = [];
  for (const session of document.querySelectorAll(".session")) {
    const blocks = [...session.children].map((block) => ({
      terminal: block.dataset.terminal,
      ...block.getBoundingClientRect().toJSON(),
    }));
    const begin = session.textContent.trim().slice(0, 60);
    blocks.forEach((block, i) => {
      const next = blocks[i + 1];
      if (next && next.top < block.bottom - 1) complaints.push(`not in the order of time: ${begin}`);
      if (!next || next.terminal === block.terminal) return;
      const right = Number(next.terminal) > Number(block.terminal);
      // A wide block reaches into the columns beside its own, a very wide one stands in all.
      const wide = Math.max(block.width, next.width) > 0.7 * session.clientWidth;
      const moved = next.left + next.right - block.left - block.right;
      if (phone && Math.abs(next.left - block.left) > 1) complaints.push(`not one below the other: ${begin}`);
      if (!phone && !wide && (right ? moved < -2 : moved > 2)) {
        complaints.push(`on the wrong side: ${begin}`);
      }
    });
  }
  return complaints;
};

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
    if (view !== "phone") {
      for (const block of found.scrolled) complain(where, "must be scrolled: …", block);
    }
    for (const code of found.broken) complain(where, "code is broken:", code);
    for (const complaint of await page.evaluate(disorder, view === "phone")) {
      complain(where, complaint);
    }
    const picture = `${output}/${view}-${name.replace(".html", ".png")}`;
    await page.screenshot({ path: picture, fullPage: true });
    if (view === "desk") {
      for (const theme of themes) {
        for (const found of await page.evaluate(pale, theme)) complain(where, theme, found);
      }
    }
    await page.close();
  }
  await context.close();
}

const page = await browser.newPage();
const open = (name) => page.goto(pathToFileURL(resolve("docs/book")).href + "/" + name);
await open("01-echo.html");
const copied = await page.evaluate(() => {
  const all = [];
  document.addEventListener("copy", () => all.push(document.activeElement.value));
  for (const button of document.querySelectorAll("pre:has(.language-console) .clip-button")) {
    button.click();
  }
  return all;
});
if (copied.length === 0) complain("no copy button copies");
for (const text of copied) {
  if (!/^cargo |^ss |^strace |^nc |^sudo |^printf |^python3 |^[A-Z_]+=|^curl |^timeout /.test(text) || /listening on|^\$ /m.test(text)) {
    complain("the copy button copies what is not typed:", JSON.stringify(text));
  }
}

for (const [question, expected] of Object.entries(questions)) {
  await open(`welcome.html?search=${encodeURIComponent(question)}`);
  await page.waitForFunction(() => document.querySelector("#mdbook-searchresults-header").innerText);
  const found = await page.evaluate(() =>
    [...document.querySelectorAll("#mdbook-searchresults li")].map((item) => ({
      page: item.querySelector("a").getAttribute("href").replace(/\.html.*/, "").replace(/.*\//, ""),
      teaser: item.querySelector(".teaser").textContent,
    })),
  );
  const first = found.slice(0, 3).map((one) => one.page);
  if (!first.includes(expected)) complain("search:", question, "finds", first.join(", ") || "nothing");
  const pages = found.map((one) => one.page);
  const lesson = pages.findLastIndex((name) => /^\d\d-/.test(name));
  const glossary = pages.indexOf("glossary");
  if (glossary >= 0 && glossary < lesson) complain("search:", question, "has the glossary before a lesson");
  for (const { teaser } of found) {
    if (/sequenceDiagram|participant|flowchart/.test(teaser)) complain("search:", question, "shows a diagram's source");
  }
}
await browser.close();
const asked = Object.keys(questions).length;
console.log(
  `${pages.length} pages seen in ${views.length} ways and ${themes.length} themes; ${copied.length} buttons ` +
    `pressed; ${asked} questions asked; ${complaints} complaints`,
);
process.exit(complaints > 0 ? 1 : 0);
