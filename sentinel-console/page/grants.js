// Break-glass grants.

import { post } from "./api.js";
import { ask, length } from "./dialogs.js";
import { badge, button, code, el, empty, facts, time, typed } from "./elements.js";

const CODES = ["incident", "security", "maintenance", "recovery", "other"];

const isMine = (grant, me) => grant.user.toLowerCase() === me?.user.toLowerCase();

function about(grant) {
  const note = (word, note) => note && [
    el("p", { class: "decided" }, badge(word, "plain"), " by ", el("b", {}, note.by), " ",
      time(note.at)),
    typed(note.by, "Comment", note.comment),
  ];
  return [
    facts(
      ["Role", code(grant.role_arn)],
      ["Reason code", grant.reason_code],
      [grant.state === "active" ? "Ends" : "End", time(grant.expires)],
      ["Opened by", code(grant.principal)],
      ["Account", grant.account],
      ["Address", grant.source_ip],
      ["Break-glass rule", grant.rule],
      ["Overrides a deny", grant.overrides_deny ? "yes" : "no"],
      ["Review by", !grant.reviewed && grant.review_due && time(grant.review_due)],
      ["Grant", code(grant.id)],
    ),
    note("closed", grant.closed), note("reviewed", grant.reviewed),
    typed(grant.user, "Justification", grant.justification),
  ].flat();
}

function end(context, grant, action, title, label, kind) {
  ask({
    title: `${title} ${grant.user}’s grant for ${grant.profile}?`,
    about: about(grant), label, kind,
    fields: [{ name: "comment", label: "Comment", lines: 2, max: 1000, optional: true }],
    act: async (values) => {
      const now = await post(context.path(`break-glass/${grant.id}/${action}`), values);
      context.changed();
      const done = now.reviewed ? "reviewed" : now.state;
      return `The grant of ${now.user} for ${now.profile} is ${done}.`;
    },
  });
}

function open(context) {
  const names = (context.profiles?.profiles ?? []).map(({ name }) => [name, name]);
  ask({
    title: "Break glass",
    about: el("p", { class: "muted" },
      "For an emergency: the grant takes effect immediately, is recorded, and can be reviewed."),
    fields: [
      names.length > 0
        ? { name: "profile", label: "Profile", options: names }
        : { name: "profile", label: "Profile", max: 64 },
      { name: "reason_code", label: "Reason code", options: CODES.map((code) => [code, code]) },
      { name: "justification", label: "Justification", lines: 4, min: 20, max: 1000,
        hint: "20 to 1,000 characters. Reviewers read it. Do not enter secrets." },
      length("duration_s", "Length", "As long as the rule allows"),
    ],
    label: "Break glass", kind: "danger",
    act: async (values) => {
      const body = { ...values };
      if (body.duration_s) body.duration_s = Number(body.duration_s);
      const grant = await post(context.path("break-glass"), body);
      context.changed();
      return `The grant for ${grant.profile} is ${grant.state}.`;
    },
  });
}

function card(context, grant) {
  const mine = isMine(grant, context.me);
  const actions = grant.state === "active"
    ? (mine || context.operator) && button("Close grant", `close ${grant.id}`,
      () => end(context, grant, "close", "Close", "Close grant", "danger"), "danger")
    : !mine && !grant.reviewed && context.operator && button("Review", `review ${grant.id}`,
      () => end(context, grant, "review", "Review", "Mark as reviewed", "primary"), "primary");
  return el("li", { class: "card" },
    el("div", { class: "head" },
      el("h2", {}, `${grant.user} → ${grant.profile}`), badge(grant.state),
      el("span", { class: "muted" }, "opened ", time(grant.created))),
    about(grant),
    actions && el("div", { class: "actions" }, actions));
}

/** The grants of a person, or for operators those that are open. */
export function grants(context, { grants: listed, more }) {
  return [
    el("div", { class: "actions" },
      button("Break glass…", "break glass", () => open(context), "danger")),
    listed.length === 0
      ? empty("No grants", "Grants that are open, and your earlier ones, are listed here.")
      : el("ul", { class: "cards" }, listed.map((grant) => card(context, grant))),
    more && el("p", { class: "muted" }, "There are more grants than are shown."),
  ];
}

/** The filters of grants. */
export const grantFilters = (operator) => operator ? [["user", "Grants of a user"]] : [];
