// What people do on the page takes effect in the next signed call.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { closeBrowser, open, profile, reported, section } from "./browser.mjs";
import { dev, downstream, sentinel, vend } from "./system.mjs";

describe("actions", () => {
  after(closeBrowser);

  test("an_approval_by_click_lets_the_next_signed_vend_succeed", async (t) => {
    const system = await dev(t);
    assert.equal(vend(system, "bob", "production").status, 1);
    const asked = sentinel(system, "bob", "request", "--profile", "production",
      "--reason", "deploy 2.4", "--ticket", "OPS-42");
    assert.equal(asked.status, 0, asked.errors);
    const page = await open(await profile(t), system.console, "alice");
    const card = page.getByRole("listitem").filter({ hasText: "bob → production" });
    for (const fact of [asked.json.role_arn, asked.json.principal, asked.json.account,
      "127.0.0.1", "leads", "2 h", '"deploy 2.4"', '"OPS-42"']) {
      await card.getByText(fact, { exact: true }).first().waitFor();
    }
    await card.getByRole("button", { name: "Approve" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Comment").fill("reviewed");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await reported(page, "The request of bob for production is approved.");
    const vended = vend(system, "bob", "production");
    assert.equal(vended.status, 0, vended.errors);
    const shown = sentinel(system, "bob", "requests", "show", asked.json.id).json;
    assert.equal(shown.decided[0].comment, "reviewed");
    assert.equal(shown.decided[0].by, "alice");
    await page.getByText("Nothing to decide").waitFor();
    assert.deepEqual(page.problems, []);
  });
});
