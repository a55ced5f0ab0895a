// Chromium, and what tests do with the page.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { ROOT } from "./system.mjs";

const TOOLS = process.env.SENTINEL_TOOLS ?? join(ROOT, ".tools");
const packages = createRequire(join(TOOLS, "node/package.json"));
const { chromium } = packages("playwright-core");
const AXE = readFileSync(packages.resolve("axe-core/axe.min.js"), "utf8");

const CHROMIUM = process.env.SENTINEL_CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
  // A name of another site that its owner directs to this machine.
  "--host-resolver-rules=MAP evil.example 127.0.0.1"];
/** For a machine that is busy. */
const TIMEOUT = 60_000;

let started;

/** A browser profile that is not shared with other tests, and that is closed after the test. */
export async function profile(t, options = {}) {
  started ??= chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: TIMEOUT });
  const context = await (await started).newContext({
    viewport: { width: 1100, height: 900 }, timezoneId: "UTC", locale: "en-US", ...options,
  });
  context.setDefaultTimeout(TIMEOUT);
  t.after(() => context.close());
  return context;
}

export const closeBrowser = async () => (await started)?.close();

/** Opens the link of a console, as a person of `dev` if it has several. */
export async function open(context, link, person) {
  const page = await context.newPage();
  page.problems = [];
  page.on("pageerror", (error) => page.problems.push(String(error)));
  page.on("console", (message) => {
    if (/Content.Security.Policy|Trusted/i.test(message.text())) page.problems.push(message.text());
  });
  await page.goto(link);
  await page.getByRole("heading", { level: 1, name: "To decide" }).waitFor();
  if (person) await act(page, person);
  return page;
}

/** Chooses the identity to act as. */
export async function act(page, person) {
  await page.getByLabel("Act as").selectOption({ label: person });
  await page.locator(".identity b", { hasText: person }).waitFor();
}

/** Shows a section. */
export async function section(page, name) {
  await page.getByRole("navigation").getByRole("link", { name }).click();
  await page.getByRole("heading", { level: 1, name }).waitFor();
}

/** The text that reports a result contains this. */
export const reported = (page, text) =>
  page.getByRole("status").filter({ hasText: text }).waitFor();

/** The violations that axe-core finds. */
export async function violations(page) {
  // A Content-Security-Policy does not apply to scripts of the debugger.
  await page.evaluate(AXE);
  const found = await page.evaluate(() => globalThis.axe.run(document));
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((n) => n.html).join(" | ")}`);
}

/** Elements whose visible part is not within the window. */
export const overflows = (page) => page.evaluate(() => {
  const width = document.documentElement.clientWidth;
  const isWide = (element) => {
    const { left, right } = element.getBoundingClientRect();
    return right > width + 1 || left < -1;
  };
  const isCut = (element) => {
    for (let box = element.parentElement; box; box = box.parentElement) {
      if (getComputedStyle(box).overflowX === "clip" && !isWide(box)) return true;
    }
    return false;
  };
  const wide = [...document.querySelectorAll("body *")].filter((element) =>
    isWide(element) && !isCut(element) && !element.closest(".skip, .unseen"));
  const scrolls = document.documentElement.scrollWidth > width;
  return [...(scrolls ? ["the page scrolls sideways"] : []),
    ...wide.map((element) => `${element.tagName}.${element.className}`)];
});
