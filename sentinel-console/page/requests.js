// Approval requests: those that a person can decide, and their own.

import { get, post } from "./api.js";
import { ask, length } from "./dialogs.js";
import {
  badge, button, code, duration, el, empty, facts, failure, replace, spinner, time, typed,
} from "./elements.js";

const comment = { name: "comment", label: "Comment", lines: 2, max: 1000, optional: true };

const isMine = (request, me) => request.user.toLowerCase() === me?.user.toLowerCase();
const isInForce = (request) =>
  request.state === "approved" && Date.parse(request.valid_until) > Date.now();

/** The requests that the person may be able to decide. */
export const undecided = (requests, me) =>
  requests.filter((request) => request.state === "pending" && !isMine(request, me));

/** What Sentinel states about a request, and then what people typed. */
function about(request) {
  const missing = request.missing > 1 ? `${request.missing} approvals are missing` : undefined;
  return [
    facts(
      ["Role", code(request.role_arn)],
      ["Length", duration(request.duration_s)],
      ["Decide by", request.state === "pending" && time(request.deadline)],
      ["Begins", request.not_before && time(request.not_before)],
      ["Ends", request.valid_until && time(request.valid_until)],
      ["Requester", code(request.principal)],
      ["Account", request.account],
      ["Address", request.source_ip],
      ["Approvals rule", request.rule],
      ["Approvals", missing],
      ["Request", code(request.id)],
    ),
    request.decided.map((decision) => [
      el("p", { class: "decided" }, badge(decision.decision, "plain"), " by ",
        el("b", {}, decision.by), " ", time(decision.at)),
      typed(decision.by, "Comment", decision.comment),
    ]),
    typed(request.user, "Ticket", request.ticket),
    typed(request.user, "Reason", request.reason),
  ].flat(2);
}

/** The request as it is now, after another person decided first. */
async function current(context, request) {
  const now = await get(context.path(`requests/${request.id}`));
  context.changed();
  return el("div", { class: "current" },
    el("p", {}, "The request is now ", badge(now.state), "."), about(now));
}

function decide(context, request, action, title, label, kind) {
  ask({
    title: `${title} ${request.user}’s request for ${request.profile}?`,
    about: about(request), fields: [comment], label, kind,
    act: async (values) => {
      const now = await post(context.path(`requests/${request.id}/${action}`), values);
      context.changed();
      const missing = now.missing ? `; ${now.missing} more needed` : "";
      return `The request of ${now.user} for ${now.profile} is ${now.state}${missing}.`;
    },
    onfailure: (error) =>
      error.code === "CONFLICT" ? current(context, request) : Promise.resolve(),
  });
}

function actions(context, request) {
  const act = (label, action, title, kind) => button(label, `${action} ${request.id}`,
    () => decide(context, request, action, title, label, kind === "plain" ? "primary" : kind),
    kind === "plain" ? "" : kind);
  const mine = isMine(request, context.me);
  if (request.state === "pending") {
    return mine
      ? [act("Cancel request", "cancel", "Cancel", "danger")]
      : [act("Approve", "approve", "Approve", "primary"), act("Deny", "deny", "Deny", "danger")];
  }
  if (!isInForce(request)) return [];
  return [
    mine && button("Extend", `extend ${request.id}`, () => create(context, request.profile)),
    act("Revoke approval", "revoke", "Revoke the approval of", "danger"),
  ].filter(Boolean);
}

function card(context, request, title) {
  return el("li", { class: "card" },
    el("div", { class: "head" },
      el("h2", {}, title), badge(request.state),
      el("span", { class: "muted" }, "created ", time(request.created))),
    about(request),
    el("div", { class: "actions" }, actions(context, request)));
}

function create(context, profile) {
  const profiles = context.profiles?.profiles ?? [];
  const names = profiles.map(({ name }) => [name, name]);
  ask({
    title: "Request an approval",
    fields: [
      names.length > 0
        ? { name: "profile", label: "Profile", options: names, value: profile }
        : { name: "profile", label: "Profile", max: 64, value: profile },
      { name: "reason", label: "Reason", lines: 3, max: 1000,
        hint: "The approvers read it. Do not enter secrets." },
      { name: "ticket", label: "Ticket", max: 200, optional: true },
      length("duration_s", "Length", "As long as the rule allows"),
      { name: "not_before", label: "Not before", type: "datetime-local", optional: true,
        hint: "In your time zone. Without it, the approval begins when it is given." },
    ],
    label: "Send request",
    act: async (values) => {
      const body = { ...values };
      if (body.duration_s) body.duration_s = Number(body.duration_s);
      if (body.not_before) {
        body.not_before = new Date(body.not_before).toISOString().replace(/\.\d+/, "");
      }
      const request = await post(context.path("requests"), body);
      context.changed();
      return `The request for ${request.profile} is ${request.state}.`;
    },
  });
}

/** Finds a request that is not listed, such as one that was approved. */
export function findRequest(context) {
  const found = el("div", {});
  const id = el("input", { id: "find", name: "id", autocomplete: "off", spellcheck: "false",
    placeholder: "request-…" });
  const find = async () => {
    if (id.value.trim() === "") return;
    replace(found, spinner("Reading the request…"));
    try {
      const request = await get(context().path(`requests/${encodeURIComponent(id.value.trim())}`));
      const after = { ...context(), changed: () => { context().changed(); find(); } };
      replace(found, el("ul", { class: "cards" },
        card(after, request, `${request.user} → ${request.profile}`)));
    } catch (error) {
      replace(found, failure(error));
    }
  };
  const submit = (event) => {
    event.preventDefault();
    find();
  };
  return [
    el("form", { class: "filter", onsubmit: submit },
      el("div", {}, el("label", { for: "find" }, "Find a request by its id"), id),
      el("button", {}, "Find")),
    found,
  ];
}

/** The requests that a person can decide. */
export function toDecide(context, { requests, more }) {
  const open = undecided(requests, context.me);
  return [
    open.length === 0
      ? empty("Nothing to decide", "Requests that the policy lets you decide are listed here.")
      : el("ul", { class: "cards" },
        open.map((request) => card(context, request, `${request.user} → ${request.profile}`))),
    more && el("p", { class: "muted" }, "There are more requests than are shown."),
  ];
}

/** A person's own requests, and the profiles that they can get. */
export function ownRequests(context, { requests }) {
  const own = requests.filter((request) => isMine(request, context.me));
  const profiles = context.profiles?.profiles;
  return [
    el("div", { class: "actions" },
      button("Request an approval", "create", () => create(context), "primary")),
    own.length === 0
      ? empty("No requests", "Request an approval if the policy requires one for a profile.")
      : el("ul", { class: "cards" },
        own.map((request) => card(context, request, request.profile))),
    el("h2", {}, "Profiles that you can get"),
    profiles === undefined && spinner("Reading the profiles…"),
    profiles?.length === 0 && el("p", { class: "muted" }, "None, by the policy in force."),
    profiles?.length > 0 && el("ul", { class: "rows" }, profiles.map(({ name, policy_path }) =>
      el("li", {},
        el("div", { class: "main" }, el("b", {}, name), el("span", { class: "muted" }, policy_path)),
        code(`sentinel credentials --profile ${name}`),
        button("Request", `create ${name}`, () => create(context, name))))),
  ];
}
