// The page by keyboard alone, and what axe-core finds on it.

import assert from "node:assert/strict";
import { after, describe, test } from "node:test";

import { act, closeBrowser, open, overflows, profile, reported, section, violations } from "./browser.mjs";
import { dev, sentinel, vend } from "./system.mjs";

const JUSTIFICATION = "the database is down, ticket 42";

/** A system with something in every list. */
async function filled(t) {
  const system = await dev(t);
  sentinel(system, "bob", "request", "--profile", "production", "--reason", "deploy 2.4",
    "--ticket", "OPS-42", "--duration", "1h");
  sentinel(system, "alice", "break-glass", "open", "--profile", "production",
    "--reason-code", "incident", "--justification", JUSTIFICATION);
  for (const [name, to] of [["alice", "production"], ["bob", "staging"], ["mallory", "production"]]) {
    vend(system, name, to);
  }
  return system;
}

/** Presses Tab until the element has the focus. Each stop on the way is visible. */
async function tabTo(page, target) {
  await target.waitFor();
  for (let stops = 0; stops < 100; stops += 1) {
    if (await target.evaluate((element) => element === document.activeElement)) return;
    await page.keyboard.press("Tab");
    const outline = await page.evaluate(() => {
      const element = document.activeElement;
      return element === document.body || getComputedStyle(element).outlineStyle !== "none"
        ? undefined : element.outerHTML;
    });
    assert.equal(outline, undefined, "an element with the focus does not show it");
  }
  assert.fail(`no Tab leads to ${target}`);
}

async function press(page, target, key = "Enter") {
  await tabTo(page, target);
  await page.keyboard.press(key);
}

async function type(page, target, text) {
  await tabTo(page, target);
  await page.keyboard.type(text);
}

/** Chooses an option of a list by its first letters. */
const pick = type;

describe("accessibility", () => {
  after(closeBrowser);

  for (const colorScheme of ["light", "dark"]) {
    test(`axe_finds_no_violation_in_${colorScheme}`, async (t) => {
      const system = await filled(t);
      for (const width of [1100, 360]) {
        const context = await profile(t, { colorScheme, viewport: { width, height: 800 } });
        const page = await open(context, system.console, "carol");
        const clean = async (where) => {
          assert.deepEqual(await violations(page), [], `${where}, ${width} wide`);
          assert.deepEqual(await overflows(page), [], `${where}, ${width} wide`);
        };
        const dialog = async (name) => {
          const button = page.getByRole("button", { name, exact: true }).first();
          await button.click();
          await page.getByRole("dialog").waitFor();
          await clean(`dialog ${name}`);
          await page.keyboard.press("Escape");
          await page.getByRole("dialog").waitFor({ state: "detached" });
        };
        await page.getByRole("heading", { name: "bob → production" }).waitFor();
        await clean("To decide");
        await dialog("Approve");
        await dialog("Deny");
        await section(page, "My requests");
        await page.getByText("No requests").waitFor();
        await clean("My requests without requests");
        await act(page, "bob");
        await page.getByRole("heading", { name: "production" }).waitFor();
        await clean("My requests");
        await dialog("Cancel request");
        await dialog("Request an approval");
        await act(page, "carol");
        await section(page, "Break-glass");
        await page.getByRole("heading", { name: "alice → production" }).waitFor();
        await clean("Break-glass");
        await dialog("Break glass…");
        await dialog("Close grant");
        await section(page, "Sessions");
        await page.getByRole("heading", { name: "alice → production" }).waitFor();
        await clean("Sessions");
        await dialog("Revoke");
        await dialog("Revoke a caller…");
        await dialog("Reinstate a caller…");
        await section(page, "Decisions");
        await page.getByText("left-the-company", { exact: true }).click();
        await clean("Decisions");
        await section(page, "Policy");
        await page.getByText("Text").first().click();
        await clean("Policy");
        await page.getByRole("button", { name: "Sign out" }).click();
        await page.getByRole("heading", { name: "You have signed out" }).waitFor();
        await clean("signed out");
        assert.deepEqual(page.problems, []);
      }
    });
  }

  test("every_action_can_be_done_by_keyboard", async (t) => {
    const system = await dev(t);
    const page = await open(await profile(t), system.console);
    const dialog = page.getByRole("dialog");
    const button = (name) => page.getByRole("button", { name, exact: true });
    const inDialog = (name) => dialog.getByRole("button", { name, exact: true });
    const go = async (name) => {
      await press(page, page.getByRole("navigation").getByRole("link", { name }));
      await page.getByRole("heading", { level: 1, name }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.id), "heading");
    };
    const become = async (name) => {
      await pick(page, page.getByLabel("Act as"), name);
      await page.locator(".identity b", { hasText: name }).waitFor();
    };

    await press(page, page.getByRole("link", { name: "Skip to content" }));
    assert.equal(await page.evaluate(() => document.activeElement.id), "main");

    // Create, cancel, create again.
    await become("bob");
    await go("My requests");
    const request = async (text) => {
      await press(page, button("Request an approval"));
      await pick(page, dialog.getByLabel("Profile"), "production");
      await type(page, dialog.getByLabel("Reason"), text);
      await press(page, inDialog("Send request"));
      await reported(page, "The request for production is pending.");
    };
    await request("first");
    await press(page, button("Cancel request"));
    await press(page, inDialog("Cancel request"));
    await reported(page, "is cancelled");
    await request("second");

    // Deny, approve and revoke, with the focus where it was.
    await become("alice");
    await go("To decide");
    await press(page, button("Deny"));
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    assert.equal(await button("Deny").evaluate((it) => it === document.activeElement), true);
    await press(page, button("Deny"));
    await type(page, dialog.getByLabel("Comment"), "use staging");
    await press(page, inDialog("Deny"));
    await reported(page, "is denied");
    const { id } = sentinel(system, "bob", "request", "--profile", "production",
      "--reason", "third").json;
    await press(page, button("Approve"));
    await press(page, inDialog("Approve"));
    await reported(page, "is approved");
    await page.getByText("Nothing to decide").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "heading");
    await type(page, page.getByLabel("Find a request by its id"), id);
    await page.keyboard.press("Enter");
    await press(page, button("Revoke approval"));
    await press(page, inDialog("Revoke approval"));
    await reported(page, "is revoked");

    // Break glass, close, review.
    await become("bob");
    await go("Break-glass");
    await press(page, button("Break glass…"));
    await pick(page, dialog.getByLabel("Profile"), "production");
    await pick(page, dialog.getByLabel("Reason code"), "security");
    await type(page, dialog.getByLabel("Justification"), JUSTIFICATION);
    await press(page, inDialog("Break glass"));
    await reported(page, "The grant for production is active.");
    await press(page, button("Close grant"));
    await press(page, inDialog("Close grant"));
    await reported(page, "is closed");
    await become("carol");
    await type(page, page.getByLabel("Grants of a user"), "bob");
    await press(page, button("Show"));
    await press(page, button("Review"));
    await press(page, inDialog("Mark as reviewed"));
    await reported(page, "is reviewed");

    // Revoke and reinstate, with a session and by name.
    assert.equal(vend(system, "alice", "staging").status, 0);
    await go("Sessions");
    await press(page, button("Revoke"));
    await type(page, dialog.getByLabel("Reason"), "laptop lost");
    await press(page, inDialog("Revoke"));
    await reported(page, "alice is revoked on staging.");
    await press(page, button("Reinstate"));
    await type(page, dialog.getByLabel("Reason"), "laptop found");
    await press(page, inDialog("Reinstate"));
    await reported(page, "alice is reinstated on staging.");
    await press(page, button("Revoke a caller…"));
    await type(page, dialog.getByLabel("User"), "mallory");
    await type(page, dialog.getByLabel("Reason"), "left");
    await press(page, inDialog("Revoke"));
    await reported(page, "mallory is revoked on all profiles.");
    await press(page, button("Reinstate a caller…"));
    await type(page, dialog.getByLabel("User"), "mallory");
    await type(page, dialog.getByLabel("Reason"), "returned");
    await press(page, inDialog("Reinstate"));
    await reported(page, "mallory is reinstated on all profiles.");
    await press(page, button("Dismiss"));

    // Decisions, policy, and the end.
    await go("Decisions");
    await press(page, button("Pause"));
    await press(page, button("Resume"));
    await press(page, page.locator("summary").first());
    await page.locator("pre").first().waitFor();
    await go("Policy");
    await press(page, page.locator("summary").first());
    await page.locator(".lines").first().waitFor();
    await press(page, button("Sign out"));
    await page.getByRole("heading", { name: "You have signed out" }).waitFor();
  });

  test("a_list_that_is_read_again_keeps_the_focus_and_what_is_typed", async (t) => {
    const system = await filled(t);
    const page = await open(await profile(t), system.console, "alice");
    await page.getByLabel("Find a request by its id").fill("request-");
    await tabTo(page, page.getByRole("button", { name: "Approve" }));
    sentinel(system, "bob", "cancel",
      sentinel(system, "bob", "requests").json.requests[0].id);
    await page.getByText("Nothing to decide").waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), "heading");
    assert.equal(await page.getByLabel("Find a request by its id").inputValue(), "request-");
  });

  test("times_are_relative_with_the_exact_one_in_utc", async (t) => {
    const system = await filled(t);
    const page = await open(await profile(t, { timezoneId: "Asia/Tokyo" }), system.console, "alice");
    const deadline = page.locator("dt", { hasText: "Decide by" }).locator("xpath=..").locator("time");
    const exact = sentinel(system, "bob", "requests").json.requests[0].deadline;
    assert.equal(await deadline.getAttribute("datetime"), exact);
    assert.equal(await deadline.getAttribute("title"), `${exact.replace("T", " ").replace("Z", "")} UTC`);
    assert.match(await deadline.innerText(), /^in (23 h|1 d)$/);
  });
});
