// Building blocks of the page. Text is only ever set as text: no function here accepts markup.

/** An element with attributes (or `on…` handlers) and children; text becomes a text node. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => ![undefined, null, false].includes(child)));
  return element;
}

/** Seconds as people write them, such as `1 h 30 min`. */
export function duration(seconds) {
  const parts = [];
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  let rest = Math.round(seconds);
  for (const [unit, length] of units) {
    const count = Math.floor(rest / length);
    if (count > 0 && parts.length < 2) parts.push(`${count} ${unit}`);
    rest -= count * length;
  }
  return parts.join(" ") || "0 s";
}

/** The distance of a time from now, such as `in 5 min` or `3 h ago`. */
function relative(milliseconds) {
  const seconds = Math.round((milliseconds - Date.now()) / 1000);
  const size = Math.abs(seconds);
  if (size < 5) return "now";
  const [unit, length] =
    [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]].find(([, length]) => size >= length);
  const count = `${Math.floor(size / length)} ${unit}`;
  return seconds > 0 ? `in ${count}` : `${count} ago`;
}

/** A time relative to now, with the exact one in UTC as its title. */
export function time(text) {
  const exact = `${text.replace("T", " ").replace("Z", "")} UTC`;
  return el("time", { datetime: text, title: exact }, relative(Date.parse(text)));
}

/** Updates the relative times on the page. */
export function updateTimes() {
  for (const element of document.querySelectorAll("time")) {
    const text = relative(Date.parse(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** Names and their values. Values that are missing are left out. */
export function facts(...rows) {
  const shown = rows.filter(([, value]) => ![undefined, null, false, ""].includes(value));
  return el("dl", { class: "facts" }, shown.map(([name, value]) =>
    el("div", { class: value.tagName === "CODE" && "wide" },
      el("dt", {}, name), el("dd", {}, value))));
}

/** An identifier, such as an ARN. */
export const code = (text) => text && el("code", {}, text);

/** Text that a person typed: apart from what Sentinel states, and quoted by the server. */
export function typed(who, what, text) {
  if (text === undefined || text === null) return undefined;
  return el("figure", { class: "typed" },
    el("figcaption", {}, `${what}, typed by `, el("b", {}, who)),
    el("blockquote", {}, text));
}

const TONES = {
  pending: "wait", approved: "good", active: "good", allow: "good", used: "good",
  denied: "bad", revoked: "bad", deny: "bad", "not used": "bad", error: "bad",
  require_approval: "wait", warning: "wait",
};

/** A state in a word. */
export const badge = (word, tone = TONES[word]) =>
  el("span", { class: `badge ${tone ?? "plain"}` }, word.replaceAll("_", " "));

/** A button. `key` identifies it when the page is drawn again, so that it keeps the focus. */
export const button = (label, key, onclick, kind = "") =>
  el("button", { type: "button", class: kind, "data-key": key, onclick }, label);

/** What a list shows when it is empty. */
export const empty = (title, hint) =>
  el("div", { class: "empty" }, el("p", { class: "title" }, title), el("p", {}, hint));

/** Something takes time. */
export const spinner = (text) =>
  el("p", { class: "loading" }, el("span", { class: "spinner", "aria-hidden": "true" }), text);

/** An error: its code, what to do next, and the id to quote. */
export function failure(error, retry) {
  return el("div", { class: "failure" },
    el("p", {}, el("b", {}, error.code), ": ", error.message),
    error.signIn && el("p", {}, "Sign in again in a terminal, and the page continues: ",
      code(error.signIn)),
    error.requestId && el("p", { class: "muted" }, "Request ", code(error.requestId)),
    retry && button("Try again", "retry", retry));
}

/** Replaces the children of an element. The element with the focus keeps it, by its key. */
export function replace(parent, ...children) {
  const focused = parent.contains(document.activeElement) && document.activeElement;
  const key = focused && focused.dataset.key;
  const open = new Set([...parent.querySelectorAll("details[open]")].map((it) => it.dataset.key));
  parent.replaceChildren(...children.flat().filter(Boolean));
  for (const details of parent.querySelectorAll("details")) {
    if (open.has(details.dataset.key)) details.open = true;
  }
  if (!focused) return;
  const same = key && parent.querySelector(`[data-key="${CSS.escape(key)}"]`);
  (same || document.getElementById("heading") || parent).focus();
}

/** Reports a result, to screen readers too. */
export function report(text) {
  const result = document.getElementById("result");
  result.replaceChildren(el("p", {}, text),
    el("button", { type: "button", class: "quiet", "aria-label": "Dismiss",
      onclick: () => result.replaceChildren() }, "×"));
}
