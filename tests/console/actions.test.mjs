// What people do on the page takes effect in the next signed call.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { act, closeBrowser, open, profile, reported, section } from "./browser.mjs";
import { dev, downstream, folder, sentinel, vend } from "./system.mjs";

/** The card of a list that has this heading. */
export const card = (page, title) =>
  page.locator(".card").filter({ has: page.getByRole("heading", { name: title }) });

/** A system in which bob has requested production. */
async function requested(t, ...args) {
  const system = await dev(t);
  const asked = sentinel(system, "bob", "request", "--profile", "production",
    "--reason", "deploy 2.4", "--ticket", "OPS-42", ...args);
  assert.equal(asked.status, 0, asked.errors);
  return { system, request: asked.json };
}

const stateOf = (system, request) =>
  sentinel(system, "bob", "requests", "show", request.id).json;

describe("actions", () => {
  after(closeBrowser);

  test("an_approval_by_click_lets_the_next_signed_vend_succeed", async (t) => {
    const { system, request } = await requested(t);
    assert.equal(vend(system, "bob", "production").status, 1);
    const page = await open(await profile(t), system.console, "alice");
    const shown = card(page, "bob → production");
    for (const fact of [request.role_arn, request.principal, request.account, "127.0.0.1", "leads",
      "2 h", '"deploy 2.4"', '"OPS-42"']) {
      await shown.getByText(fact, { exact: true }).first().waitFor();
    }
    // What the requester typed comes after everything that Sentinel states.
    assert.match(await shown.innerText(), /Approvals rule[\s\S]*Ticket, typed by bob[\s\S]*Reason, typed by bob/);
    await shown.getByRole("button", { name: "Approve" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Comment").fill("reviewed");
    await dialog.getByRole("button", { name: "Approve" }).click();
    await reported(page, "The request of bob for production is approved.");
    const vended = vend(system, "bob", "production");
    assert.equal(vended.status, 0, vended.errors);
    const decided = stateOf(system, request).decided[0];
    assert.deepEqual([decided.by, decided.decision, decided.comment], ["alice", "approve", "reviewed"]);
    await page.getByText("Nothing to decide").waitFor();
    assert.deepEqual(page.problems, []);
  });

  test("a_denial_by_click_leaves_the_requester_without_credentials", async (t) => {
    const { system, request } = await requested(t);
    const page = await open(await profile(t), system.console, "alice");
    await card(page, "bob → production").getByRole("button", { name: "Deny" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Deny" }).click();
    await reported(page, "The request of bob for production is denied.");
    assert.equal(stateOf(system, request).state, "denied");
    assert.equal(vend(system, "bob", "production").status, 1);
  });

  test("a_revocation_by_click_refuses_the_session_in_the_next_call", async (t) => {
    const system = await dev(t);
    const vended = vend(system, "alice", "production");
    assert.equal(await downstream(system, vended), 200);
    const page = await open(await profile(t), system.console, "carol");
    await section(page, "Sessions");
    await card(page, "alice → production").getByRole("button", { name: "Revoke" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Reason").fill("laptop lost");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await reported(page, "alice is revoked on production.");
    assert.equal(await downstream(system, vended), 403);
    assert.equal(vend(system, "alice", "production").status, 1);
    await card(page, "alice → production").getByText("revoked").waitFor();
    await card(page, "alice → production").getByRole("button", { name: "Reinstate" }).click();
    await page.getByRole("dialog").getByLabel("Reason").fill("laptop found");
    await page.getByRole("dialog").getByRole("button", { name: "Reinstate" }).click();
    await reported(page, "alice is reinstated on production.");
    assert.equal(await downstream(system, vended), 403);
    assert.equal(vend(system, "alice", "production").status, 0);
  });

  test("a_caller_is_revoked_by_name_on_all_profiles", async (t) => {
    const system = await dev(t);
    const vended = vend(system, "alice", "staging");
    const page = await open(await profile(t), system.console, "carol");
    await section(page, "Sessions");
    await page.getByRole("button", { name: "Revoke a caller…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("User").fill("alice");
    await dialog.getByLabel("Reason").fill("left the company");
    await dialog.getByRole("button", { name: "Revoke" }).click();
    await reported(page, "alice is revoked on all profiles.");
    assert.equal(await downstream(system, vended), 403);
  });

  test("a_request_is_created_cancelled_and_extended_on_the_page", async (t) => {
    const system = await dev(t);
    const page = await open(await profile(t), system.console, "bob");
    await section(page, "My requests");
    const create = async (reason) => {
      const dialog = page.getByRole("dialog");
      await dialog.getByLabel("Profile").selectOption("production");
      await dialog.getByLabel("Reason").fill(reason);
      await dialog.getByLabel("Length").selectOption("30 minutes");
      await dialog.getByRole("button", { name: "Send request" }).click();
      await reported(page, "The request for production is pending.");
    };
    await page.getByRole("button", { name: "Request an approval" }).click();
    await create("first");
    await card(page, "production").getByRole("button", { name: "Cancel request" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Cancel request" }).click();
    await reported(page, "The request of bob for production is cancelled.");
    await page.getByRole("button", { name: "Request an approval" }).click();
    await create("second");
    const [pending] = sentinel(system, "bob", "requests", "--state", "pending").json.requests;
    assert.deepEqual([pending.reason, pending.duration_s], ["second", 1800]);
    assert.equal(sentinel(system, "alice", "approve", pending.id).status, 0);
    await page.getByRole("button", { name: "Extend" }).click();
    await create("third");
  });

  test("a_grant_is_opened_closed_and_reviewed_on_the_page", async (t) => {
    const system = await dev(t);
    const page = await open(await profile(t), system.console, "bob");
    await section(page, "Break-glass");
    assert.equal(vend(system, "bob", "production").status, 1);
    await page.getByRole("button", { name: "Break glass…" }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel("Profile").selectOption("production");
    await dialog.getByLabel("Reason code").selectOption("incident");
    await dialog.getByLabel("Justification").fill("the database is down, ticket 42");
    await dialog.getByRole("button", { name: "Break glass" }).click();
    await reported(page, "The grant for production is active.");
    assert.equal(vend(system, "bob", "production").status, 0);
    await card(page, "bob → production").getByRole("button", { name: "Close grant" }).click();
    await dialog.getByLabel("Comment").fill("fixed");
    await dialog.getByRole("button", { name: "Close grant" }).click();
    await reported(page, "The grant of bob for production is closed.");
    assert.equal(vend(system, "bob", "production").status, 1);
    await act(page, "carol");
    await page.getByLabel("Grants of a user").fill("bob");
    await page.getByRole("button", { name: "Show" }).click();
    await card(page, "bob → production").getByRole("button", { name: "Review" }).click();
    await dialog.getByRole("button", { name: "Mark as reviewed" }).click();
    await reported(page, "The grant of bob for production is reviewed.");
    const [grant] = sentinel(system, "bob", "break-glass", "list").json.grants;
    assert.equal(grant.reviewed.by, "carol");
  });

  test("an_approval_is_found_by_its_id_and_revoked", async (t) => {
    const { system, request } = await requested(t);
    assert.equal(sentinel(system, "alice", "approve", request.id).status, 0);
    const vended = vend(system, "bob", "production");
    const page = await open(await profile(t), system.console, "alice");
    await page.getByLabel("Find a request by its id").fill(request.id);
    await page.getByRole("button", { name: "Find" }).click();
    await page.getByRole("button", { name: "Revoke approval" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Revoke approval" }).click();
    await reported(page, "The request of bob for production is revoked.");
    assert.equal(await downstream(system, vended), 403);
    await card(page, "bob → production").getByText("revoked").waitFor();
  });

  test("decisions_appear_as_they_happen", async (t) => {
    const system = await dev(t);
    const page = await open(await profile(t), system.console, "alice");
    await section(page, "Decisions");
    await page.getByText("No decisions yet").waitFor();
    vend(system, "mallory", "production");
    await page.getByText("left-the-company", { exact: true }).waitFor();
    await page.getByText("mallory → production").click();
    await page.getByText('"code": "POLICY_DENY"').waitFor();
    await page.getByRole("button", { name: "Pause" }).click();
    vend(system, "alice", "staging");
    await page.getByRole("button", { name: "Resume" }).click();
    await page.getByText("alice → staging").waitFor();
    assert.equal(await system.stop(), 0, "an open page delays the end");
  });

  test("an_invalid_policy_is_shown_with_its_diagnostics", async (t) => {
    const policies = folder(t);
    const write = (text) => writeFileSync(join(policies, "staging.yaml"), text);
    const valid = 'version: "1"\nrules:\n  - name: all\n    effect: allow\n'
      + "    conditions: { profiles: [staging], users: [alice] }\n";
    write(valid.replace("effect", "efect"));
    const system = await dev(t, { folder: policies });
    const page = await open(await profile(t), system.console, "alice");
    await section(page, "Policy");
    const file = card(page, "staging.yaml");
    await file.getByText("not used").waitFor();
    await file.getByText("line 4, column 5:").waitFor();
    await file.getByText("did you mean").first().waitFor();
    assert.equal(await file.locator(".marked").innerText(), "    efect: allow");
    write(valid);
    await file.getByText("used", { exact: true }).waitFor();
  });
});
