// Sessions, and their revocation by operators.

import { post } from "./api.js";
import { ask, length } from "./dialogs.js";
import { badge, button, code, el, empty, facts, time } from "./elements.js";

const reason = { name: "reason", label: "Reason", lines: 2, max: 1000,
  hint: "It is recorded, and other operators read it." };

const named = [
  { name: "user", label: "User", max: 256, hint: "A name, or account/RoleName." },
  { name: "profile", label: "Profile", max: 64, optional: true,
    hint: "Without it, the caller is affected on all profiles." },
];

const until = length("for_s", "Block new sessions for", "Until an operator reinstates");

/** Revokes or reinstates the caller of a session, or a caller by name. */
function change(context, action, session) {
  const revokes = action === "revoke";
  const word = revokes ? "Revoke" : "Reinstate";
  ask({
    title: session
      ? `${word} ${session.user} on ${session.profile}?`
      : `${word} a caller`,
    about: [
      session && about(session),
      el("p", { class: "muted" }, revokes
        ? "Every session of the caller ends on the next check, and no new one begins. AWS credentials"
          + " that were vended remain valid until they expire."
        : "New sessions can begin again. Sessions that were revoked remain invalid."),
    ].filter(Boolean),
    fields: [...(session ? [] : named), reason, ...(revokes ? [until] : [])],
    label: word, kind: revokes ? "danger" : "primary",
    act: async (values) => {
      const body = { ...values };
      if (body.for_s) body.for_s = Number(body.for_s);
      if (session) body.session = session.session;
      const gate = await post(context.path(`sessions/${action}`), body);
      context.changed();
      const where = gate.profile ? ` on ${gate.profile}` : " on all profiles";
      const unknown = gate.known === false ? " No session of this caller is known." : "";
      return `${gate.user} is ${revokes ? "revoked" : "reinstated"}${where}.${unknown}`;
    },
  });
}

const about = (session) => facts(
  ["Expires", time(session.expires)],
  ["Principal", code(session.principal)],
  ["Account", session.account],
  ["Source identity", code(session.source_identity)],
  ["Session", code(session.session)],
);

function card(context, session) {
  const operator = context.operator;
  const action = session.state === "active" ? "revoke" : "reinstate";
  const offered = operator && ["active", "revoked"].includes(session.state);
  return el("li", { class: "card" },
    el("div", { class: "head" },
      el("h2", {}, `${session.user} → ${session.profile}`), badge(session.state),
      el("span", { class: "muted" }, "created ", time(session.created))),
    about(session),
    offered && el("div", { class: "actions" }, button(
      action === "revoke" ? "Revoke" : "Reinstate", `${action} ${session.session}`,
      () => change(context, action, session), action === "revoke" ? "danger" : "")));
}

/** The sessions of a person, or for operators those of all callers. */
export function sessions(context, { sessions: listed, more, unreadable }) {
  return [
    context.operator && el("div", { class: "actions" },
      button("Revoke a caller…", "revoke caller", () => change(context, "revoke"), "danger"),
      button("Reinstate a caller…", "reinstate caller", () => change(context, "reinstate"))),
    listed.length === 0
      ? empty("No sessions", "A session begins when credentials are vended.")
      : el("ul", { class: "cards" }, listed.map((session) => card(context, session))),
    more && el("p", { class: "muted" },
      "There are more sessions than are shown: filter by user or profile."),
    unreadable > 0 && el("p", { class: "muted" },
      `${unreadable} damaged rows are omitted; the TVM’s log names them.`),
  ];
}

/** The filters of sessions. */
export const sessionFilters = (operator) => [
  ...(operator ? [["user", "User"]] : []),
  ["profile", "Profile"],
  ["state", "State", ["active", "ended", "expired", "revoked"]],
];
