// What the page shows when something is slow, unreachable, expired, or decided elsewhere.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { closeBrowser, open, profile, reported, section } from "./browser.mjs";
import { console_, dev, folder, front, sentinel, vend } from "./system.mjs";

describe("trouble", () => {
  after(closeBrowser);

  test("a_slow_tvm_shows_progress_and_does_not_block_other_parts", async (t) => {
    const system = await dev(t);
    vend(system, "alice", "production");
    let slow = "/requests";
    const tvm = await front(t, system, ({ url }) => (slow && url.startsWith(slow) ? 60_000 : 0));
    const served = await console_(t, tvm, system.as("alice"));
    const page = await open(await profile(t), served.url);
    await page.getByText("Waiting for the TVM…").waitFor();
    await page.getByText(/The TVM is slow: \d+ s/).waitFor();
    await section(page, "Sessions");
    await page.getByRole("heading", { name: "alice → production" }).waitFor();
    assert.equal(await page.getByText(/The TVM is slow/).count(), 0);
    // Not even the identity of the person blocks what is read already.
    slow = "/whoami";
    await page.reload();
    await page.getByText("Signing in…").waitFor();
    await page.getByRole("heading", { name: "alice → production" }).waitFor();
  });

  test("a_tvm_that_cannot_be_reached_is_reported_and_the_page_recovers", async (t) => {
    const system = await dev(t);
    const tvm = await front(t, system, () => 0);
    let down = false;
    const served = await console_(t, tvm, system.as("alice"));
    const context = await profile(t);
    await context.route("**/api/people/**", (route) =>
      down ? route.abort("connectionrefused") : route.continue());
    const page = await open(context, served.url);
    await page.getByText("Nothing to decide").waitFor();
    down = true;
    await page.getByText("NOT_RUNNING").waitFor();
    // What was read last is still shown.
    await page.getByText("Nothing to decide").waitFor();
    down = false;
    await page.getByText("NOT_RUNNING").waitFor({ state: "detached" });
    await system.stop();
    await page.getByText("UNREACHABLE").first().waitFor();
    await page.getByText(`cannot reach ${tvm}`).first().waitFor();
  });

  test("an_expired_sign_in_shows_the_command_and_continues_after_it", async (t) => {
    const system = await dev(t);
    const home = folder(t);
    const config = join(home, "config");
    const cache = join(home, ".aws/sso/cache");
    mkdirSync(cache, { recursive: true });
    // The token of a sign-in that has expired, where the AWS command stores it.
    writeFileSync(join(cache, `${createHash("sha1").update("work").digest("hex")}.json`),
      JSON.stringify({ startUrl: "https://example.awsapps.com/start", region: "us-east-1",
        accessToken: "expired", expiresAt: "2020-01-01T00:00:00Z" }));
    writeFileSync(config, "[profile work]\nsso_session = work\nsso_account_id = 111122223333\n"
      + "sso_role_name = Developer\n[sso-session work]\nsso_region = us-east-1\n"
      + "sso_start_url = https://example.awsapps.com/start\n");
    const served = await console_(t, system.url,
      { HOME: home, AWS_CONFIG_FILE: config }, "--aws-profile", "work");
    const page = await open(await profile(t), served.url);
    await page.getByText("NO_CREDENTIALS").first().waitFor();
    await page.getByText("aws sso login --profile work").first().waitFor();
    await page.getByText("the sign-in of the AWS profile `work` has expired").first().waitFor();
    // The sign-in: from now on, the profile has credentials.
    const keys = system.keys("alice");
    writeFileSync(config, `[profile work]\n${keys}`);
    await page.getByRole("button", { name: "Try again" }).first().click();
    await page.locator(".identity b", { hasText: "alice" }).waitFor();
    await page.getByText("Nothing to decide").waitFor();
    await page.getByText("NO_CREDENTIALS").waitFor({ state: "detached" });
  });

  test("the_slower_of_two_tabs_sees_the_conflict_and_the_current_state", async (t) => {
    const system = await dev(t);
    sentinel(system, "bob", "request", "--profile", "production", "--reason", "x");
    const context = await profile(t);
    const [fast, slow] = [await open(context, system.console, "alice"),
      await open(context, system.console, "alice")];
    await fast.getByRole("button", { name: "Approve" }).click();
    await slow.getByRole("button", { name: "Deny" }).click();
    await fast.getByRole("dialog").getByLabel("Comment").fill("reviewed in time");
    await fast.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await reported(fast, "is approved");
    const dialog = slow.getByRole("dialog");
    await dialog.getByRole("button", { name: "Deny" }).click();
    const alert = dialog.getByRole("alert");
    await alert.getByText("CONFLICT").waitFor();
    await alert.getByText("The request is now approved.").waitFor();
    await alert.getByText('"reviewed in time"').waitFor();
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await slow.getByText("Nothing to decide").waitFor();
    assert.equal(vend(system, "bob", "production").status, 0);
  });

  test("an_approver_without_permission_for_whoami_can_decide", async (t) => {
    const system = await dev(t);
    sentinel(system, "bob", "request", "--profile", "production", "--reason", "x");
    // The IAM document `approver` has neither of these routes.
    const tvm = await front(t, system, () => 0, ["/whoami", "/profiles"]);
    const served = await console_(t, tvm, system.as("alice"));
    const page = await open(await profile(t), served.url);
    await page.getByText("not identified").waitFor();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await reported(page, "is approved");
    assert.equal(vend(system, "bob", "production").status, 0);
  });

  test("the_console_ends_while_pages_are_open_and_reports_it", async (t) => {
    const system = await dev(t);
    const served = await console_(t, system.url, system.as("alice"));
    const page = await open(await profile(t), served.url);
    await page.getByText("Nothing to decide").waitFor();
    assert.equal(await served.stop(), 0);
    await page.getByText("NOT_RUNNING").first().waitFor();
  });
});
