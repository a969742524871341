// Starts the browser, and what all programs here check with.
import fs from "node:fs";
import path from "node:path";
import { createRequire } from "node:module";
import readline from "node:readline";

const require = createRequire(path.join(process.env.PACKAGES, "none.js"));
const { chromium } = require("playwright-core");

export const base = process.argv[2];
export const pictures = process.env.PICTURES;
/** How long anything is awaited, in milliseconds. */
export const PATIENCE = 30000;
const FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync"];

export const SIZES = { wide: { width: 1280, height: 800 }, phone: { width: 390, height: 844 } };

export async function browser() {
  return chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: FLAGS });
}

/** A page of that size and theme. Whatever goes wrong in it ends the program, as does a request to anywhere else. */
export async function openPage(of, size, theme) {
  const context = await of.newContext({ viewport: SIZES[size], colorScheme: theme, serviceWorkers: "block" });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  page.problems = [];
  page.expected = () => false;
  page.on("pageerror", (error) => page.problems.push("error: " + (error.stack ?? error)));
  page.on("dialog", (dialog) => page.problems.push("a dialog: " + dialog.message()));
  page.on("request", (request) => {
    const to = request.url();
    if (!to.startsWith(base) && !to.startsWith("data:") && !to.startsWith("file:")) page.problems.push("a request to " + to);
  });
  page.on("console", (said) => {
    const text = said.text() + " " + said.location().url;
    if (said.type() === "error" && !page.expected(text)) page.problems.push("console: " + text);
  });
  return page;
}

/** Ends with an error unless it holds. */
export function check(holds, what) {
  if (!holds) throw new Error(what);
}

/** Ends with an error unless both are the same. */
export function same(shown, wanted, what) {
  const [one, other] = [JSON.stringify(shown), JSON.stringify(wanted)];
  check(one === other, what + "\n  the page: " + one + "\n  the API:  " + other);
}

/** Tries until it does not fail. */
export async function until(what, attempt) {
  const end = Date.now() + PATIENCE;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > end) throw new Error(what + ": " + error.message, { cause: error });
    }
    await new Promise((done) => setTimeout(done, 150));
  }
}

/** Asks the API. */
export async function api(question) {
  const answer = await fetch(base + question);
  check(answer.ok, question + " answered " + answer.status);
  return answer.json();
}

/** The texts of a table's rows, by its caption: as they are in the document, whether in sight or not. */
export async function table(page, caption) {
  return page.evaluate((wanted) => {
    const found = [...document.querySelectorAll("table")].find((one) => one.caption?.textContent === wanted);
    if (!found) throw new Error("no table " + wanted);
    return [...found.tBodies[0].rows].map((row) => [...row.cells].map((cell) => {
      const copy = cell.cloneNode(true);
      copy.querySelectorAll("[aria-hidden]").forEach((sign) => sign.remove());
      return copy.textContent;
    }));
  }, caption);
}

const axeText = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Checks with axe that a screen reader can use what is shown. Its text is run by the debugger, which the policy lets through. */
export async function accessible(page, what) {
  await page.evaluate(axeText);
  const found = await page.evaluate(() => globalThis.axe.run(document));
  const told = found.violations.map((one) => one.id + ": " + one.nodes.map((node) => node.html.slice(0, 160)).join(" | "));
  check(told.length === 0, what + ": axe: " + told.join("\n"));
  check(found.passes.length > 10, what + ": axe checked nothing");
}

/** Checks that nothing went wrong in a page. */
export function sound(page, what) {
  check(page.problems.length === 0, what + ": " + page.problems.join("\n"));
}

/** Checks that nothing is wider than the screen. */
export async function fits(page, what) {
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  check(wide <= 0, what + " is " + wide + " pixels too wide");
}

/** Waits until the test says a word. */
const lines = readline.createInterface({ input: process.stdin });
const told = [];
lines.on("line", (line) => told.push(line.trim()));
export async function hear(word) {
  await until("the test to say " + word, async () => check(told.includes(word), "it has not"));
}

/** Runs a program: says `done` at its good end. */
export async function run(program) {
  const of = await browser();
  try {
    await program(of);
  } catch (error) {
    console.log(error.stack);
    await of.close();
    process.exit(1);
  }
  await of.close();
  console.log("done");
  process.exit(0);
}
