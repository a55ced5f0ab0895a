// Starts the programs under test: `sentinel dev`, `sentinel console`, and servers that take the place of
// a TVM. Everything is on 127.0.0.1, with free ports.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BINARY = process.env.SENTINEL_BINARY ?? join(ROOT, "target/debug/sentinel");

/** Nothing of the machine: no AWS configuration, no metadata service. */
const BARE = {
  PATH: process.env.PATH, HOME: "/nonexistent", AWS_CONFIG_FILE: "/dev/null",
  AWS_SHARED_CREDENTIALS_FILE: "/dev/null", AWS_EC2_METADATA_DISABLED: "true",
  AWS_REGION: "us-east-1",
};

/** A folder that is removed after the test. */
export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "sentinel-console-test-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Starts the command and returns the JSON line that it prints when it is ready. */
async function ready(t, args, env) {
  const child = spawn(BINARY, [...args, "--format", "json"], {
    env: { ...BARE, ...env }, stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise((resolve) => child.on("close", (status) => resolve(status)));
  const stop = async (signal = "SIGTERM") => {
    child.kill(signal);
    return ended;
  };
  t.after(() => stop("SIGKILL"));
  let errors = "";
  child.stderr.on("data", (data) => { errors += data; });
  const lines = createInterface({ input: child.stdout });
  const line = await new Promise((resolve, reject) => {
    lines.once("line", resolve);
    child.once("close", () => reject(new Error(`${args.join(" ")} ended: ${errors}`)));
  });
  return { ...JSON.parse(line), stop };
}

/** Starts `sentinel dev`. `policies` are texts by the name of their document. */
export async function dev(t, { policies, identities, folder: given } = {}) {
  const args = ["dev", "--listen", "127.0.0.1:0", "--caller-rate", "0"];
  if (given) args.push("--policies", given);
  if (policies) {
    const path = folder(t);
    for (const [name, text] of Object.entries(policies)) {
      writeFileSync(join(path, `${name}.yaml`), text);
    }
    args.push("--policies", path);
  }
  if (identities) {
    const file = join(folder(t), "identities.yaml");
    writeFileSync(file, JSON.stringify(identities));
    args.push("--identities", file);
  }
  const started = await ready(t, args);
  return {
    ...started,
    /** The environment that signs as an identity. */
    as: (name) => ({
      AWS_SHARED_CREDENTIALS_FILE: started.credentials_file, AWS_PROFILE: name,
    }),
    /** The lines of an identity in the credentials file. */
    keys: (name) => readFileSync(started.credentials_file, "utf8")
      .split(/^\[/m).find((section) => section.startsWith(`${name}]`)).split("\n").slice(1).join("\n"),
  };
}

/** Starts `sentinel console`. */
export const console_ = (t, tvm, env, ...args) =>
  ready(t, ["console", "--tvm", tvm, ...args], env);

/** Runs a command as an identity of `dev`, which signs its requests. */
export function sentinel(dev, name, ...args) {
  const done = spawnSync(BINARY, [...args, "--format", "json"], {
    env: { ...BARE, ...dev.as(name), SENTINEL_TVM_URL: dev.url }, encoding: "utf8",
  });
  const text = done.stdout.trim();
  return { status: done.status, errors: done.stderr, json: text ? JSON.parse(text) : undefined };
}

/** Requests credentials as an identity of `dev`. */
export const vend = (dev, name, profile) =>
  sentinel(dev, name, "credentials", "--profile", profile, "--no-cache");

/** The status of a request to the API behind the authorizer, with the session of these credentials. */
export async function downstream(dev, vended) {
  const id = vended.json.SessionId;
  const response = await fetch(`${dev.url}/downstream/hello`,
    { headers: { "x-sentinel-session-id": id } });
  return response.status;
}

/** A server of the test. Returns its address. */
export async function server(t, handle) {
  const created = createServer(handle);
  await new Promise((resolve) => created.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    created.closeAllConnections();
    created.close();
  });
  return `http://127.0.0.1:${created.address().port}`;
}

/** A TVM that passes requests on to `dev`, after `delay(request)` milliseconds. IAM refuses some paths. */
export const front = (t, dev, delay, refused = []) => server(t, (incoming, outgoing) => {
  if (refused.includes(incoming.url)) {
    outgoing.writeHead(403, { "content-type": "application/json" });
    outgoing.end('{"message":"Forbidden"}');
    return;
  }
  setTimeout(() => {
    // The signature covers the Host header, which stays as it was sent.
    const onward = request(dev.url + incoming.url,
      { method: incoming.method, headers: incoming.headers }, (response) => {
        outgoing.writeHead(response.statusCode, response.headers);
        response.pipe(outgoing);
      });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  }, delay(incoming));
});

/** Waits until `condition` returns a value that is not false or undefined. */
export async function until(what, condition, seconds = 60) {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what} did not happen within ${seconds} s`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
