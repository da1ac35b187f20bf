// Looks at `cargo course tap --browser` as a browser does: arrows appear while bytes pass, a click
// on one shows its bytes, a second tab sees the same, a tab may be closed, a page of another origin
// sees nothing, and nothing is fetched from elsewhere.
//
//   apt install chromium && npm install --prefix target/book-look playwright-core@1.56.1
//   cargo build-all && node tests/browser/tap.mjs

import { spawn } from "node:child_process";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { connect } from "node:net";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";

const { chromium } = createRequire(`${resolve("target/book-look")}/`)("playwright-core");
const started = [];

// Starts a program, and waits for the lines that say where it is reached.
async function start(program, ...words) {
  const child = spawn(`target/debug/${program}`, words, { stdio: ["ignore", "pipe", "inherit"] });
  started.push(child);
  const found = [];
  const lines = createInterface({ input: child.stdout });
  await new Promise((done) => {
    lines.on("line", (line) => {
      const address = line.match(/^(?:listening on|open http:\/\/)\s*([\d.]+:\d+)/);
      if (address) found.push(address[1]);
      if (found.length === (words.includes("--browser") ? 2 : 1)) done();
    });
  });
  return found;
}

const [server] = await start("loop-server", "--addr", "127.0.0.1:0");
const [tap, page] = await start("tap", "2", "--addr", "127.0.0.1:0", "--to", server, "--browser");
const url = `http://${page}/`;
const [host, port] = tap.split(":");
const client = connect({ host, port: Number(port), noDelay: true });
client.on("data", () => {});

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"], // the pages are our own
});
const asked = [];
const open = async (colorScheme) => {
  const context = await browser.newContext({ colorScheme, viewport: { width: 900, height: 800 } });
  const tab = await context.newPage();
  tab.on("request", (request) => asked.push(request.url()));
  tab.on("pageerror", (error) => assert.fail(error.message));
  tab.on("console", (said) => assert.notEqual(said.type(), "error", said.text()));
  await tab.goto(url);
  return tab;
};

const [first, second] = [await open("light"), await open("dark")];
client.write("hello, <world>");
for (const tab of [first, second]) {
  await tab.waitForFunction(() => document.querySelectorAll("#picture g").length === 3);
}
await first.locator("#picture g#a1 text").click();
await first.waitForFunction(() => document.querySelector("#bytes").textContent.includes("68 65 6c 6c 6f"));
await first.screenshot({ path: "target/book-look/tap-light.png" });
await second.close();

// A page of another origin, which the browser lets ask, but not read; and the tap refuses.
const other = createServer((_, answer) => answer.end("<p>elsewhere</p>"));
await new Promise((done) => other.listen(0, "127.0.0.1", done));
const elsewhere = await browser.newPage();
await elsewhere.goto(`http://127.0.0.1:${other.address().port}/`);
const read = await elsewhere.evaluate(
  (url) => fetch(`${url}picture?seen=0`).then((answer) => answer.status, () => "refused"), url);
assert.equal(read, "refused");

const pieces = 10_000;
for (let n = 0; n < pieces; n += 1) {
  client.write(`${n}\n`);
  await new Promise((done) => client.once("data", done)); // its echo: so each is a piece by itself
}
const third = await open("dark");
const last = () => Number(document.querySelector("#state").textContent.match(/\d+\.$/)?.[0].slice(0, -1));
await third.waitForFunction(() => document.querySelectorAll("#picture g").length === 100);
client.end();
await third.waitForFunction(() => [...document.querySelectorAll("#picture text")].some((t) => t.textContent === "FIN"));
const seen = await third.evaluate(last);
assert.ok(seen >= 2 * pieces, `${seen} things were seen`);
await third.screenshot({ path: "target/book-look/tap-dark.png" });
assert.deepEqual(asked.filter((asked) => !asked.startsWith(url)), []);

await browser.close();
other.close();
for (const child of started) child.kill();
console.log(`${seen} things passed and were seen; ${asked.length} requests, none of them elsewhere`);
