// What only `sentinel dev` shows: decisions as they happen, and the policy files with their findings.

import { events } from "./api.js";
import { badge, button, code, el, empty, failure, replace, spinner, time } from "./elements.js";

const KEPT = 200;

function row(record) {
  const word = record.event ?? record.effect;
  const what = [record.user, record.profile].filter(Boolean).join(" → ");
  return el("li", { class: "record" },
    el("details", { "data-key": record.key },
      el("summary", {},
        record.event ? badge(word, "plain") : badge(word),
        el("b", {}, what || "—"),
        record.code && record.code !== "OK" && el("span", {}, record.code),
        record.rule && el("span", { class: "muted" }, record.rule),
        record.timestamp && time(record.timestamp)),
      el("pre", {}, JSON.stringify({ ...record, key: undefined }, null, 2))));
}

/** Decisions as they happen, the latest first. */
export function decisions() {
  const body = el("div", { class: "live" });
  let [records, paused, problem, number, ready] = [[], false, undefined, 0, false];
  const stop = new AbortController();
  const draw = () => replace(body,
    el("div", { class: "actions" }, button(paused ? "Resume" : "Pause", "pause", () => {
      paused = !paused;
      draw();
    })),
    problem && failure(problem),
    !problem && !ready && spinner("Waiting for records…"),
    ready && records.length === 0
      && empty("No decisions yet", "A record appears here when a caller requests credentials."),
    el("ul", { class: "records" }, records.map(row)));
  const add = (added) => {
    ready = true;
    for (const record of added) records.unshift({ ...record, key: `record ${number += 1}` });
    records = records.slice(0, KEPT);
    if (!paused) draw();
  };
  const follow = async () => {
    while (!stop.signal.aborted) {
      // A new connection receives the recent records again.
      records = [];
      const quiet = setTimeout(() => add([]), 300);
      try {
        problem = undefined;
        await events(add, stop.signal);
      } catch (error) {
        if (stop.signal.aborted) return;
        problem = error;
        draw();
      } finally {
        clearTimeout(quiet);
      }
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  };
  draw();
  follow();
  return { body, stop: () => stop.abort() };
}

function finding({ severity, message, help, position }) {
  return el("li", {}, badge(severity),
    el("div", {},
      position && el("span", { class: "muted" }, `line ${position[0]}, column ${position[1]}: `),
      message, help && el("p", { class: "muted" }, help)));
}

/** The policy files with their findings. */
export function policy(context, { files }) {
  if (files.length === 0) {
    return [empty("No policy files", "Without a document, no credentials are vended.")];
  }
  return files.map(({ file, text, usable, problems }) => {
    const marked = new Set(problems.map(({ position }) => position?.[0]));
    return el("section", { class: "card", "aria-label": file },
      el("div", { class: "head" }, el("h2", {}, file), badge(usable ? "used" : "not used")),
      problems.length > 0 && el("ul", { class: "findings" }, problems.map(finding)),
      el("details", { "data-key": `text ${file}`, open: !usable },
        el("summary", {}, "Text"),
        el("ol", { class: "lines" }, text.replace(/\n$/, "").split("\n").map((line, index) =>
          el("li", { class: marked.has(index + 1) && "marked" }, code(line))))));
  });
}
