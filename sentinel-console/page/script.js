// The page: who acts, which section is shown, and when it is read again.

import * as api from "./api.js";
import { badge, code, el, failure, replace, spinner, updateTimes } from "./elements.js";
import { grantFilters, grants } from "./grants.js";
import { findRequest, ownRequests, toDecide, undecided } from "./requests.js";
import { sessionFilters, sessions } from "./sessions.js";
import { decisions, policy } from "./system.js";

const SECOND = 1000;

/** What is read from the server again and again, and the latest result. */
class Source {
  constructor(path, every) {
    Object.assign(this, { path, every, data: undefined, error: undefined, since: undefined });
    this.due = 0;
    this.run = 0;
  }

  forget() {
    Object.assign(this, { data: undefined, error: undefined, since: undefined, due: 0 });
    this.run += 1;
  }

  /** Reads again now. A result that is on its way may be older than a change. */
  again() {
    Object.assign(this, { since: undefined, due: 0 });
    this.run += 1;
  }

  async read(changed) {
    if (this.since !== undefined) return;
    this.since = Date.now();
    const run = this.run;
    let [data, error] = [undefined, undefined];
    try {
      data = await api.get(this.path());
    } catch (failed) {
      error = failed;
    }
    // The person or the filter was changed in the meantime.
    if (run !== this.run) return;
    this.since = undefined;
    this.due = Date.now() + Math.max(this.every, (error?.retryAfter ?? 0) * SECOND);
    const differs = JSON.stringify([data, error?.code, error?.message])
      !== JSON.stringify([this.data, this.error?.code, this.error?.message]);
    if (data !== undefined) this.data = data;
    this.error = error;
    if (differs || error) changed();
  }
}

const state = {
  start: undefined, person: 0, section: "decide", ended: undefined, live: undefined, unknown: false,
};
const filters = { grants: {}, sessions: {} };
const path = (rest) => `people/${state.person}/${rest}`;
const filtered = (name, rest) => () => path(`${rest}?${new URLSearchParams(filters[name])}`);

const sources = {
  me: new Source(() => path("whoami"), 60 * SECOND),
  profiles: new Source(() => path("profiles"), 60 * SECOND),
  requests: new Source(() => path("requests"), 4 * SECOND),
  grants: new Source(filtered("grants", "break-glass"), 4 * SECOND),
  sessions: new Source(filtered("sessions", "sessions"), 4 * SECOND),
  policies: new Source(() => "policies", 2 * SECOND),
};

const SECTIONS = {
  decide: { title: "To decide", source: "requests", draw: toDecide, tools: findRequest },
  requests: { title: "My requests", source: "requests", draw: ownRequests },
  grants: { title: "Break-glass", source: "grants", draw: grants, filters: grantFilters },
  sessions: { title: "Sessions", source: "sessions", draw: sessions, filters: sessionFilters },
  decisions: { title: "Decisions", live: decisions, only: "decisions" },
  policy: { title: "Policy", source: "policies", draw: policy, only: "policies" },
};
const offered = () =>
  Object.entries(SECTIONS).filter(([, { only }]) => !only || state.start?.[only]);

/** A form that limits what a list shows. */
function filter(name, fields) {
  const chosen = filters[name];
  const form = el("form", {
    class: "filter",
    onsubmit: (event) => {
      event.preventDefault();
      for (const [field] of fields) delete chosen[field];
      for (const [field, value] of new FormData(form)) {
        if (value.trim() !== "") chosen[field] = value.trim();
      }
      sources[name].forget();
      tick();
      draw();
    },
  }, fields.map(([field, label, words]) => {
    const id = `filter-${field}`;
    const attributes = { id, name: field, autocomplete: "off" };
    const input = words
      ? el("select", attributes, ["", ...words].map((word) =>
        el("option", { value: word, selected: chosen[field] === word }, word || "all")))
      : el("input", attributes);
    if (!words) input.value = chosen[field] ?? "";
    return el("div", {}, el("label", { for: id }, label), input);
  }), el("button", {}, "Show"));
  return form;
}

/** Whether the person is known, or will not be soon. Then lists are shown without them. */
const isSettled = () => sources.me.data || sources.me.error || state.unknown;

/** Whether what operators do is offered. If the person is not known, it is: the TVM decides. */
const isOperator = () => sources.me.data?.operator ?? true;

/** What a section needs to draw and to act. */
const context = () => ({
  me: sources.me.data,
  operator: isOperator(),
  profiles: sources.profiles.data,
  path,
  changed: () => {
    for (const source of [sources.requests, sources.grants, sources.sessions]) source.again();
    tick();
  },
});

/** Draws the choice of the person once, so that it is not replaced while it is used. */
function drawControls() {
  const people = state.start.people;
  const chooser = people.length > 1 ? [
    el("label", { for: "person" }, "Act as"),
    el("select", {
      id: "person",
      onchange: (event) => choose(Number(event.target.value)),
    }, people.map((name, index) =>
      el("option", { value: index, selected: index === state.person }, name))),
  ] : [];
  document.getElementById("controls").replaceChildren(...chooser,
    el("button", { type: "button", class: "quiet", onclick: leave }, "Sign out"));
}

function drawHeader() {
  const { data: me, error } = sources.me;
  const identity = me && el("div", { class: "identity" },
    el("span", {}, el("b", {}, me.user), me.operator ? badge("operator", "plain") : undefined),
    el("span", { class: "muted" }, me.principal));
  replace(document.getElementById("who"),
    identity,
    !me && !error && spinner("Signing in…"),
    !me && error && el("span", { class: "muted", title: error.message }, "not identified"));
  document.getElementById("tvm").textContent =
    (state.start?.tvm ?? "").replace(/^https?:\/\//, "").replace(/\/$/, "");
  const count = undecided(sources.requests.data?.requests ?? [], me).length;
  replace(document.getElementById("tabs"), offered().map(([name, { title }]) =>
    el("li", {}, el("a", {
      href: `#${name}`, "data-key": `tab ${name}`,
      "aria-current": name === state.section ? "page" : undefined,
    }, title, name === "decide" && count > 0
      ? el("span", { class: "count" }, String(count), el("span", { class: "unseen" }, " waiting"))
      : undefined))));
  document.title = `${count > 0 ? `(${count}) ` : ""}${SECTIONS[state.section].title} · Sentinel`;
}

/** Draws what a person types into once, so that nothing typed is lost when the lists change. */
function drawTools() {
  const { tools, filters: fields, source } = SECTIONS[state.section];
  const [place, above] = [document.getElementById("tools"), document.getElementById("filters")];
  const operator = isOperator();
  const drawn = `${state.section} ${state.person} ${operator}`;
  if (!isSettled() || place.dataset.drawn === drawn) return;
  place.dataset.drawn = drawn;
  const shown = fields?.(operator) ?? [];
  place.replaceChildren(...(tools?.(context) ?? []));
  above.replaceChildren(...(shown.length > 0 ? [filter(source, shown)] : []));
}

function draw() {
  if (state.ended) return;
  drawHeader();
  drawTools();
  const section = SECTIONS[state.section];
  const body = document.getElementById("body");
  if (section.live) {
    if (!state.live) {
      state.live = section.live();
      replace(body, state.live.body);
    }
    return;
  }
  const source = sources[section.source];
  const retry = () => {
    for (const known of Object.values(sources)) known.due = 0;
    tick();
  };
  replace(body,
    source.error && failure(source.error, retry),
    source.data && isSettled()
      ? section.draw(context(), source.data)
      : !source.error && spinner("Waiting for the TVM…"));
}

/** Shows how long a slow TVM takes, apart from what is shown already. */
function drawProgress() {
  const source = sources[SECTIONS[state.section].source];
  const waited = source?.since === undefined ? 0 : Date.now() - source.since;
  const progress = document.getElementById("progress");
  const text = waited < 2 * SECOND ? "" : `The TVM is slow: ${Math.floor(waited / SECOND)} s`;
  if (progress && progress.dataset.text !== text) {
    progress.dataset.text = text;
    progress.replaceChildren(...(text ? [el("span", { class: "spinner", "aria-hidden": "true" }),
      text] : []));
  }
}

/** Reads what is due for the section that is shown. */
function tick() {
  if (state.ended || document.hidden) return;
  const wanted = new Set(["me", "profiles", "requests", SECTIONS[state.section].source]);
  for (const name of wanted) {
    const source = sources[name];
    if (source && source.since === undefined && Date.now() >= source.due) {
      source.read(() => {
        const { error } = source;
        if (error?.code === "NO_SESSION") end(error);
        else draw();
      });
    }
  }
  if (!isSettled() && Date.now() - (sources.me.since ?? Date.now()) > 3 * SECOND) {
    state.unknown = true;
    draw();
  }
  drawProgress();
  updateTimes();
}

function choose(person) {
  state.person = person;
  state.unknown = false;
  sessionStorage.setItem("person", String(person));
  for (const source of Object.values(sources)) source.forget();
  for (const chosen of Object.values(filters)) {
    for (const field of Object.keys(chosen)) delete chosen[field];
  }
  draw();
  tick();
}

/** Shows the section that the address names. */
function route(moved) {
  const name = location.hash.slice(1);
  state.section = offered().some(([known]) => known === name) ? name : "decide";
  state.live?.stop();
  state.live = undefined;
  const heading = el("h1", { id: "heading", tabindex: "-1" }, SECTIONS[state.section].title);
  document.getElementById("main").replaceChildren(
    el("div", { class: "title" }, heading, el("span", { class: "progress", id: "progress" })),
    el("div", { id: "filters" }),
    el("div", { id: "body" }),
    el("div", { id: "tools" }));
  draw();
  tick();
  if (moved) heading.focus();
}

/** Ends the page: nothing works without a session. */
function end(error) {
  state.ended = error;
  state.live?.stop();
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
  document.getElementById("who").replaceChildren();
  document.getElementById("controls").replaceChildren();
  document.getElementById("tabs").replaceChildren();
  document.title = "Sentinel console";
  document.getElementById("main").replaceChildren(
    el("div", { class: "title" }, el("h1", { id: "heading", tabindex: "-1" }, error.title
      ?? "This console has no session in this browser")),
    el("div", { class: "empty" },
      el("p", {}, error.message, "."),
      el("p", {}, "Use the link that ", code("sentinel console"), " or ", code("sentinel dev"),
        " printed. The link of ", code("sentinel console"), " can be used once: run the command"
        + " again for another one.")));
  document.getElementById("heading").focus();
}

async function leave() {
  await api.close().catch(() => undefined);
  end({ title: "You have signed out", message: "the session of this browser has ended" });
}

async function begin() {
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    document.getElementById("main").focus();
  });
  document.getElementById("main").append(spinner("Opening the console…"));
  try {
    await api.open();
    state.start = await api.get("start");
  } catch (error) {
    end(error);
    return;
  }
  const person = Number(sessionStorage.getItem("person"));
  state.person = person < state.start.people.length ? person : 0;
  drawControls();
  window.addEventListener("hashchange", () => {
    if (!location.hash.startsWith("#link=")) route(true);
    else location.reload();
  });
  document.addEventListener("visibilitychange", tick);
  route(false);
  setInterval(tick, SECOND);
}

begin();
