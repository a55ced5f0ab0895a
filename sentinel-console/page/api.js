// Calls of the console's server. The browser has no AWS credentials: only the token of its session.

const TOKEN = "sentinel-console";

/** A call that was not carried out. */
export class Failure extends Error {
  constructor(status, body) {
    super(body.message ?? "the console's command does not respond: is it still running?");
    this.status = status;
    this.code = body.code ?? "NOT_RUNNING";
    this.requestId = body.request_id;
    this.signIn = body.sign_in;
    this.retryAfter = body.retry_after_s;
  }
}

// The token is kept for this address: the link needs no second use in this browser.
let token = localStorage.getItem(TOKEN) ?? "";

async function send(method, path, body, signal) {
  const headers = { [TOKEN]: token };
  if (method === "POST") headers["content-type"] = "application/json";
  let response;
  try {
    response = await fetch(`api/${path}`, {
      method, headers, signal, cache: "no-store", credentials: "omit", redirect: "error",
      body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Failure(0, {});
  }
  if (response.ok) return response;
  throw new Failure(response.status, await response.json().catch(() => ({})));
}

/** Exchanges the code in the link for a token, and removes it from the address. */
export async function open() {
  const link = /^#link=([0-9a-f]+)$/.exec(location.hash);
  if (!link) return;
  history.replaceState(null, "", location.pathname);
  const earlier = token;
  token = link[1];
  try {
    const response = await send("POST", "open");
    token = (await response.json()).token;
    localStorage.setItem(TOKEN, token);
  } catch (error) {
    // A link that was used leads back to the session that it began here.
    token = earlier;
    if (!earlier || error.code !== "LINK_USED") throw error;
  }
}

/** Ends the session of this browser. */
export async function close() {
  await send("POST", "close");
  token = "";
  localStorage.removeItem(TOKEN);
}

export const get = async (path, signal) => (await send("GET", path, undefined, signal)).json();
export const post = async (path, body) => (await send("POST", path, body)).json();

/** Calls `record` for each record as it is written, until the signal. */
export async function events(record, signal) {
  const response = await send("GET", "events", undefined, signal);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += value;
    const complete = text.split("\n\n");
    text = complete.pop();
    const data = complete.filter((event) => event.startsWith("data: "));
    record(data.map((event) => JSON.parse(event.slice(6))));
  }
}
