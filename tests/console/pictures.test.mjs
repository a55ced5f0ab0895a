// The pictures in the documentation. With UPDATE_DOCS=1, they are written.

import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { closeBrowser, open, profile, section } from "./browser.mjs";
import { ROOT, dev, sentinel, vend } from "./system.mjs";

const PICTURES = [
  { name: "console-decide-light", colorScheme: "light", person: "alice", shown: "To decide" },
  { name: "console-sessions-dark", colorScheme: "dark", person: "carol", shown: "Sessions" },
];

describe("pictures", () => {
  after(closeBrowser);

  test("the_documentation_has_pictures_of_the_page", async (t) => {
    const document = readFileSync(join(ROOT, "docs/console.md"), "utf8");
    const system = await dev(t);
    sentinel(system, "bob", "request", "--profile", "production", "--ticket", "OPS-42",
      "--reason", "deploy 2.4 of the billing service, as planned in the change", "--duration", "1h");
    for (const [name, to] of [["alice", "production"], ["bob", "staging"]]) vend(system, name, to);
    for (const { name, colorScheme, person, shown } of PICTURES) {
      const context = await profile(t, { colorScheme, viewport: { width: 1000, height: 760 } });
      const page = await open(context, system.console, person);
      await section(page, shown);
      await page.locator(".card").first().waitFor();
      const picture = await page.screenshot({ animations: "disabled" });
      assert.ok(picture.length > 10_000);
      const path = join(ROOT, "docs/images", `${name}.png`);
      if (process.env.UPDATE_DOCS === "1") {
        await page.screenshot({ path, animations: "disabled" });
      }
      assert.ok(existsSync(path), `${name}: run the test with UPDATE_DOCS=1`);
      assert.ok(document.includes(`images/${name}.png`), `${name} is not in docs/console.md`);
    }
  });
});
