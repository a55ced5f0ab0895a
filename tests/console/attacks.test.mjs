// Attacks on the console in a real browser.

import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, describe, test } from "node:test";

import { closeBrowser, open, overflows, profile, reported, section } from "./browser.mjs";
import { console_, dev, folder, sentinel, server, until, vend } from "./system.mjs";

const WITHOUT_SESSION = "This console has no session in this browser";

/** A system with a pending request that alice can approve. */
async function pending(t) {
  const system = await dev(t);
  const { json } = sentinel(system, "bob", "request", "--profile", "production", "--reason", "x");
  const state = () => sentinel(system, "bob", "requests", "show", json.id).json.state;
  return { system, id: json.id, state };
}

/** What the page of an attacker tries, with the token of the session if it has it. */
async function attempt({ origin, id, token }) {
  const api = `${origin}/console/api`;
  const approve = `${api}/people/0/requests/${id}/approve`;
  const results = {};
  const fetched = async (name, url, options) => {
    results[name] = await fetch(url, options).then(
      (response) => `${response.type} ${response.status}`, () => "failed");
  };
  const body = "{}";
  const headers = { "content-type": "application/json", "sentinel-console": token };
  await fetched("read", `${api}/people/0/requests`, { headers: { "sentinel-console": token } });
  await fetched("post", approve, { method: "POST", body, headers });
  await fetched("simple post", approve, { method: "POST", body });
  await fetched("opaque post", approve, { method: "POST", body, mode: "no-cors", headers });
  await fetched("with credentials", approve, { method: "POST", body, credentials: "include" });
  results.script = await new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = `${origin}/console/script.js`;
    script.type = "module";
    script.onload = () => resolve("loaded");
    script.onerror = () => resolve("failed");
    document.head.append(script);
  });
  const frame = document.createElement("iframe");
  frame.name = "form";
  document.body.append(frame);
  for (const enctype of ["text/plain", "application/x-www-form-urlencoded"]) {
    const form = document.createElement("form");
    Object.assign(form, { action: approve, method: "POST", target: "form", enctype });
    const input = document.createElement("input");
    Object.assign(input, { name: '{"comment":"', value: '"}' });
    form.append(input);
    document.body.append(form);
    const loaded = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
    form.submit();
    await loaded;
  }
  const inside = document.createElement("iframe");
  const loaded = new Promise((resolve) => inside.addEventListener("load", resolve));
  inside.src = `${origin}/console/`;
  document.body.append(inside);
  await loaded;
  return results;
}

describe("attacks", () => {
  after(closeBrowser);

  test("a_page_of_another_origin_cannot_act_or_read_even_with_the_token", async (t) => {
    const { system, id, state } = await pending(t);
    const context = await profile(t);
    const victim = await open(context, system.console, "alice");
    const token = await victim.evaluate(() => localStorage.getItem("sentinel-console"));
    const evil = await server(t, (request, response) => {
      response.setHeader("content-type", "text/html");
      response.end("<!doctype html><title>another page</title><body>");
    });
    for (const site of [evil, evil.replace("127.0.0.1", "localhost"),
      evil.replace("127.0.0.1", "evil.example")]) {
      const page = await context.newPage();
      await page.goto(site);
      const results = await page.evaluate(attempt, { origin: system.url, id, token });
      assert.deepEqual(results, {
        read: "failed", post: "failed", "simple post": "failed", "opaque post": "failed",
        "with credentials": "failed", script: "failed",
      }, site);
      // The console is not in the frame: nothing in it could be clicked.
      const texts = await Promise.all(page.frames().map((frame) => frame.content()));
      assert.equal(texts.some((text) => text.includes("Sentinel console")), false, site);
      assert.equal(state(), "pending", site);
      await page.close();
    }
    // The page itself still can.
    await victim.getByRole("button", { name: "Approve" }).click();
    await victim.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
    await reported(victim, "is approved");
    assert.equal(state(), "approved");
  });

  test("a_rebound_host_name_gets_neither_the_page_nor_a_call", async (t) => {
    const { system, id, state } = await pending(t);
    const context = await profile(t);
    const victim = await open(context, system.console, "alice");
    const token = await victim.evaluate(() => localStorage.getItem("sentinel-console"));
    const page = await context.newPage();
    // The name has the address of the console: for the browser, its pages have the same origin.
    const rebound = system.url.replace("127.0.0.1", "evil.example");
    const loaded = await page.goto(`${rebound}/console/`);
    assert.equal(loaded.status(), 421);
    const status = (path, method) => page.evaluate(async ([url, method, token]) => {
      const headers = { "content-type": "application/json", "sentinel-console": token };
      const body = method === "POST" ? "{}" : undefined;
      return (await fetch(url, { method, headers, body })).status;
    }, [`${rebound}/console/api/${path}`, method, token]);
    assert.equal(await status("people/0/requests", "GET"), 421);
    assert.equal(await status(`people/0/requests/${id}/approve`, "POST"), 421);
    assert.equal(state(), "pending");
  });

  test("a_stolen_link_is_useless_after_it_was_used_and_after_its_process", async (t) => {
    const system = await dev(t);
    const first = await console_(t, system.url, system.as("alice"));
    const [owner, thief] = [await profile(t), await profile(t)];
    const page = await open(owner, first.url);
    assert.equal(new URL(page.url()).hash, "", "the code stays in the address");
    const stolen = await thief.newPage();
    const refused = async (link) => {
      await stolen.goto("about:blank");
      await stolen.goto(link);
      await stolen.getByRole("heading", { name: WITHOUT_SESSION }).waitFor();
    };
    await refused(first.url);
    // In the same browser, the link leads back to the session, also in another tab.
    await open(owner, first.url);
    await page.getByRole("button", { name: "Sign out" }).click();
    await page.getByRole("heading", { name: "You have signed out" }).waitFor();
    await refused(first.url);
    await page.goto("about:blank");
    await page.goto(first.url);
    await page.getByRole("heading", { name: WITHOUT_SESSION }).waitFor();
    assert.equal(await first.stop(), 0);
    // Another process with the same address: it accepts neither the link nor the token.
    const { host } = new URL(first.url);
    const second = await console_(t, system.url, system.as("alice"), "--listen", host);
    await refused(first.url);
    const other = await open(owner, second.url);
    const token = await other.evaluate(() => localStorage.getItem("sentinel-console"));
    assert.equal(await second.stop("SIGINT"), 0);
    const third = await console_(t, system.url, system.as("alice"), "--listen", host);
    const response = await fetch(`${new URL(third.url).origin}/console/api/start`,
      { headers: { "sentinel-console": token } });
    assert.equal(response.status, 401);
  });

  test("the_browser_is_opened_without_the_link_in_its_arguments", async (t) => {
    const system = await dev(t);
    const path = folder(t);
    const seen = join(path, "seen");
    // In place of the command that opens a browser.
    writeFileSync(join(path, "xdg-open"),
      `#!/bin/sh\n{ echo "$#" "$1"; stat -c %a "$1"; cat "$1"; } > ${seen}.part; mv ${seen}.part ${seen}\n`,
      { mode: 0o755 });
    const served = await console_(t, system.url,
      { ...system.as("alice"), PATH: `${path}:${process.env.PATH}` }, "--open");
    const [args, mode, file] = (await until("opening", () =>
      existsSync(seen) && readFileSync(seen, "utf8"))).split("\n");
    assert.match(args, /^1 \/.*\.html$/);
    assert.equal(mode, "600");
    assert.ok(file.includes(served.url), file);
    await served.stop();
    assert.equal(existsSync(args.slice(2)), false, "the file remains");
  });

  test("hostile_text_in_every_field_neither_runs_nor_breaks_the_layout", async (t) => {
    const hostile = [
      "<script>globalThis.hacked=1</script><img src=x onerror=globalThis.hacked=1>",
      "\"><svg onload=globalThis.hacked=1><style>*{display:none}</style>",
      "\u202eevorppa\u202c \u2066x\u2069 a\u200bb\ufeff \u0000\u0007\u001b[2J\u0085 \u{e0041}",
      "W".repeat(1000) + "</blockquote></li></ul><dialog open>",
      "e" + "\u0301\u0323\u0489".repeat(200) + " مرحبا".repeat(60),
      "\n".repeat(500) + "\" approved by \"carol" + "👩‍👩‍👧‍👦".repeat(60), "__proto__",
    ];
    const at = (minutes) => new Date(Date.now() + minutes * 60_000).toISOString().replace(/\.\d+/, "");
    const ids = ["request-qg3dpwh42ldnuy2z42ldce5bc4luogt2c3wfwrjvt7",
      "grant-fpmansl7byak6gq7ymzi7j3dvefjh3byq7h7fq44lw",
      "fpmansl7byak6gq7ymzi7j3dvelfvaghdyxn7ju473"];
    let text = "";
    const common = () => ({ user: `bob${text}`, profile: "production", account: "111122223333",
      principal: text, created: at(-5), source_ip: text, role_arn: text, rule: text, via: "iam" });
    const note = () => ({ by: text, at: at(-1), comment: text });
    const tvm = await server(t, (request, response) => {
      const answers = {
        "/whoami": { user: `alice${text}`, caller: text, account: text, principal: text,
          operator: true },
        "/profiles": { profiles: [{ name: text, policy_path: text }], root: text },
        "/requests": { requests: [
          { ...common(), id: ids[0], reason: text, ticket: text, duration_s: 3600,
            state: "pending", deadline: at(60), decided: [{ ...note(), decision: "approve" }],
            valid_until: null, missing: 2 },
          { ...common(), user: `alice${text}`, id: ids[0], reason: text, ticket: text,
            duration_s: 3600, state: "approved", deadline: at(60), valid_until: at(60),
            decided: [{ ...note(), decision: "approve" }] },
        ] },
        "/break-glass": { grants: [{ ...common(), id: ids[1], reason_code: text,
          justification: text, state: "closed", expires: at(30), overrides_deny: true,
          closed: note(), reviewed: note() }] },
        "/sessions": { sessions: [{ ...common(), session: ids[2], source_identity: text,
          expires: at(30), state: "active" }] },
      };
      const answer = answers[request.url.split("?")[0]];
      response.writeHead(answer ? 200 : 409, { "content-type": "application/json" });
      response.end(JSON.stringify(
        answer ?? { Code: text.slice(0, 200), Message: text, RequestId: text.slice(0, 200) }));
    });
    const keys = { AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE", AWS_SECRET_ACCESS_KEY: "example" };
    const served = await console_(t, tvm, keys);
    const context = await profile(t);
    text = hostile[0];
    const page = await open(context, served.url);
    const check = async (where) => {
      const found = await page.evaluate(() => ({
        hacked: globalThis.hacked,
        // Only the page's own kinds of elements exist, and none has a handler.
        elements: document.querySelectorAll(
          "main script, main img, main svg, main style, main iframe, [onerror], [onload]").length,
        dialogs: document.querySelectorAll("dialog").length,
        hidden: /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e0fff}]/u
          .test(document.documentElement.innerText + document.title),
      }));
      const dialogs = where.startsWith("dialog") ? 1 : 0;
      assert.deepEqual(found, { hacked: undefined, elements: 0, dialogs, hidden: false },
        `${where}: ${JSON.stringify(text.slice(0, 40))}`);
      assert.deepEqual(await overflows(page), [], `${where}: ${JSON.stringify(text.slice(0, 40))}`);
    };
    for (text of hostile) {
      for (const width of [1100, 360]) {
        await page.setViewportSize({ width, height: 800 });
        await page.goto("about:blank");
        await page.goto(served.url.split("#")[0]);
        await page.getByRole("button", { name: "Approve" }).waitFor();
        await check("To decide");
        await page.getByRole("button", { name: "Approve" }).click();
        await page.getByRole("dialog").getByRole("button", { name: "Approve" }).click();
        await page.getByRole("alert").locator(".failure").waitFor();
        await check("dialog Approve");
        await page.keyboard.press("Escape");
        for (const name of ["My requests", "Break-glass", "Sessions"]) {
          await section(page, name);
          await page.locator(".card").first().waitFor();
          await check(name);
        }
        await section(page, "To decide");
      }
    }
    assert.deepEqual(page.problems, []);
  });

  test("hostile_names_of_real_callers_stay_text_in_the_console_of_dev", async (t) => {
    const name = "x<img/src=x/onerror=globalThis.hacked=1>";
    const identities = [
      { name: "mal", arn: `arn:aws:iam::111122223333:user/${name}` },
      { name: "carol", arn: "arn:aws:iam::111122223333:user/carol" },
    ];
    const system = await dev(t, { identities });
    vend(system, "mal", "production");
    const page = await open(await profile(t), system.console, "carol");
    await section(page, "Decisions");
    await page.locator(".record").first().waitFor();
    await section(page, "To decide");
    await page.getByLabel("Act as").selectOption({ label: "mal" });
    await page.locator(".identity, .failure").filter({ hasNotText: "carol" }).first().waitFor();
    assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    assert.deepEqual(await overflows(page), []);
    assert.deepEqual(page.problems, []);
  });

  test("no_secret_is_in_the_page_its_responses_or_its_storage", async (t) => {
    const system = await dev(t);
    const vended = vend(system, "alice", "production").json;
    const context = await profile(t);
    const bodies = [];
    context.on("response", (response) =>
      bodies.push(response.text().catch(() => ""), JSON.stringify(response.headers())));
    const page = await open(context, system.console, "carol");
    for (const name of ["My requests", "Break-glass", "Sessions", "Policy"]) {
      await section(page, name);
      await page.locator(".card, .empty, .rows").first().waitFor();
      bodies.push(page.content());
    }
    const stored = await page.evaluate(() =>
      [{ ...localStorage }, { ...sessionStorage }, document.cookie]);
    assert.deepEqual(Object.keys(stored[0]), ["sentinel-console"]);
    assert.deepEqual([stored[1], stored[2]], [{ person: "2" }, ""]);
    const everything = (await Promise.all(bodies)).join("\n") + JSON.stringify(stored);
    const keys = readFileSync(system.credentials_file, "utf8");
    const secrets = [...keys.matchAll(/^aws_\w+\s*=\s*(\S+)$/gm)].map(([, value]) => value);
    assert.ok(secrets.length >= 8, keys);
    secrets.push(vended.SecretAccessKey, vended.SessionToken, vended.SessionId,
      vended.SessionId.slice(-26));
    for (const secret of secrets) {
      assert.ok(secret.length > 8);
      assert.equal(everything.includes(secret), false, "a secret reached the browser");
    }
    assert.ok(everything.includes("alice"), "nothing was recorded");
    assert.deepEqual(await context.cookies(), []);
  });
});
