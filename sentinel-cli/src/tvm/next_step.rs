//! What a caller can do after a refusal: the command to run next, found with the caller's own
//! credentials. Every command that vends shows its refusals through [`explained`].

use std::time::Duration;

use chrono::{DateTime, Utc};
use sentinel_client::{Client, ErrorResponse};
use sentinel_policy::ReasonCode;
use sentinel_wire::{ErrorCode, ProfileList, RequestState, RequestView, Whoami, rfc3339};

use super::{Connection, open_request};
use crate::arguments::is_similar;
use crate::output::{Refused, both, printable, relative, shell_word};

/// Maximum time for what is read after a refusal. The refusal is shown anyway.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What may be read from the TVM to explain a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookups {
    /// Nothing: another process received the same refusal and explains it.
    Nothing,
    /// What determines the next step.
    NextStep,
    /// In addition, the caller's identity and profiles.
    Everything,
}

/// The refusal of credentials for a profile, with the next step as far as the caller may see it.
pub(crate) async fn explained(
    client: &Client,
    connection: &Connection,
    profile: &str,
    response: &ErrorResponse,
    lookups: Lookups,
) -> Refused {
    let now = Utc::now();
    let mut refused = Refused::at(response, now);
    let steps = Steps { client, profile, response, options: &connection.repeated(), now };
    // What was read until the timeout is used.
    let mut found = Found::default();
    drop(tokio::time::timeout(TIMEOUT, steps.read(lookups, &mut found)).await);
    let details = steps.all(&found, lookups);
    refused.details.extend(details.iter().map(|detail| printable(detail)));
    refused
}

/// The refusal of a request for an approval. If the caller has an open one already, it is named.
pub(crate) async fn explained_conflict(
    client: &Client,
    connection: &Connection,
    profile: &str,
    response: &ErrorResponse,
) -> Refused {
    let now = Utc::now();
    let mut refused = Refused::at(response, now);
    if response.is(ErrorCode::Conflict) {
        let open = tokio::time::timeout(TIMEOUT, open_request(client, profile, now)).await;
        if let Ok(Ok(Some(open))) = open {
            let lines = about(&open, &connection.repeated(), now);
            refused.details.extend(lines.iter().map(|detail| printable(detail)));
        }
    }
    refused
}

/// A refusal to explain.
struct Steps<'a> {
    client: &'a Client,
    profile: &'a str,
    response: &'a ErrorResponse,
    /// The options of this command that another command needs too.
    options: &'a str,
    now: DateTime<Utc>,
}

/// What was read from the TVM to explain a refusal.
#[derive(Default)]
struct Found {
    whoami: Option<Whoami>,
    profiles: Option<ProfileList>,
    open: Option<RequestView>,
}

impl Steps<'_> {
    /// Reads what explains the refusal. What the caller may not read is left out.
    async fn read(&self, lookups: Lookups, found: &mut Found) {
        let (wants_any, wants_all) = match lookups {
            Lookups::Nothing => (false, false),
            Lookups::NextStep => (true, false),
            Lookups::Everything => (true, true),
        };
        let is = |code| wants_any && self.response.is(code);
        if is(ErrorCode::ApprovalRequired) {
            found.open = open_request(self.client, self.profile, self.now).await.ok().flatten();
        }
        if wants_all || is(ErrorCode::SessionRevoked) {
            found.whoami = self.client.whoami().await.ok();
        }
        if wants_all || is(ErrorCode::PolicyDeny) {
            found.profiles = self.client.profiles().await.ok();
        }
    }

    /// The steps, from the response and what was found.
    fn all(&self, found: &Found, lookups: Lookups) -> Vec<String> {
        let everything = lookups == Lookups::Everything;
        let mut steps = Vec::new();
        if everything && let Some(Whoami { user, account, principal, .. }) = &found.whoami {
            steps.push(format!("you are `{user}` of account {account} ({principal})"));
        }
        steps.extend(found.profiles.as_ref().and_then(|list| self.profiles(list, everything)));
        let is = |code| self.response.is(code);
        if is(ErrorCode::ApprovalRequired) {
            match &found.open {
                Some(open) => steps.extend(about(open, self.options, self.now)),
                None => steps.extend(self.request()),
            }
        } else if is(ErrorCode::PolicyDeny) {
            steps.extend(self.opening());
        } else if is(ErrorCode::SessionRevoked) {
            steps.push(self.reinstate(found.whoami.as_ref()));
        }
        steps.extend(self.break_glass());
        steps
    }

    /// How to request an approval. `None` if no rule decides about it.
    fn request(&self) -> Option<String> {
        // The other text of this refusal has no route: no person can approve.
        self.response.message.contains("`POST /requests`").then(|| self.request_command(None))
    }

    fn request_command(&self, not_before: Option<&str>) -> String {
        let not_before = not_before.map(|at| format!(" --not-before {at}")).unwrap_or_default();
        format!(
            "request it: `sentinel request --profile {}{not_before} --reason \"…\" --wait{}`",
            shell_word(self.profile),
            self.options
        )
    }

    /// When a window opens, and how to request an approval for then.
    fn opening(&self) -> Vec<String> {
        let message = &self.response.message;
        let word = message.split_once(" allows it at ").and_then(|(_, rest)| {
            rest.split(|c: char| c.is_whitespace() || c == ',' || c == ';').next()
        });
        let word = word.map(|word| word.trim_end_matches(':'));
        let Some(at) = word.and_then(|word| word.parse::<DateTime<Utc>>().ok()) else {
            return Vec::new();
        };
        let mut steps = vec![format!("the window opens {}", relative(at, self.now))];
        if message.contains("`not_before`") {
            steps.push(self.request_command(Some(&rfc3339::seconds(at))));
        }
        steps
    }

    /// How to break glass, with the first reason code that the TVM offers.
    fn break_glass(&self) -> Option<String> {
        let message = &self.response.message;
        if !message.contains("`POST /break-glass`") {
            return None;
        }
        let offered = |code: &&ReasonCode| message.contains(&format!("`{}`", code.as_str()));
        let code = ReasonCode::ALL.iter().find(offered)?;
        Some(format!(
            "in an emergency: `sentinel break-glass open --profile {} --reason-code {} \
             --justification \"…\"{}`",
            shell_word(self.profile),
            code.as_str(),
            self.options
        ))
    }

    /// A caller who is revoked as a whole cannot read who they are either.
    fn reinstate(&self, whoami: Option<&Whoami>) -> String {
        let profile = shell_word(self.profile);
        match whoami.map(|me| shell_word(&me.caller)) {
            Some(user) => format!(
                "an operator runs `sentinel sessions reinstate --user {user} --profile {profile} \
                 --reason \"…\"`; then request credentials with `--no-cache`"
            ),
            None => format!(
                "an operator runs `sentinel sessions reinstate --user USER --reason \"…\"` with your \
                 name, and with `--profile {profile}` if you are revoked on this profile only; then \
                 request credentials with `--no-cache`"
            ),
        }
    }

    /// Which profile was probably meant. With details, which profiles the caller can get.
    fn profiles(&self, list: &ProfileList, everything: bool) -> Option<String> {
        let names: Vec<&str> = list.profiles.iter().map(|profile| profile.name.as_str()).collect();
        if names.contains(&self.profile) {
            return everything.then(|| {
                format!(
                    "the policy allows you `{}` under other conditions: at another time, from another \
                     address, or with an approval",
                    self.profile
                )
            });
        }
        let near: Vec<String> = names
            .iter()
            .filter(|name| is_similar(self.profile, name))
            .map(|name| format!("`{name}`"))
            .collect();
        if !near.is_empty() {
            Some(format!("did you mean {}?", near.join(" or ")))
        } else if !everything {
            None
        } else if names.is_empty() {
            Some("no policy allows you any profile".to_owned())
        } else {
            Some(format!("profiles that you can get: {}", names.join(", ")))
        }
    }
}

/// An open request of the caller, and what to do with it.
fn about(request: &RequestView, options: &str, now: DateTime<Utc>) -> Vec<String> {
    let RequestView { id, profile, .. } = request;
    let rule = request.rule.as_ref().map(|rule| format!(", the approvals rule `{rule}` decides"));
    let rule = rule.unwrap_or_default();
    match request.state {
        RequestState::Pending => vec![
            format!(
                "your request `{id}` is pending: {}{rule}, until {}",
                missing(request),
                both(request.deadline, now)
            ),
            format!("wait for it: `sentinel request --profile {profile} --wait{options}`"),
        ],
        RequestState::Approved => {
            let from = request.not_before.map_or_else(String::new, |from| both(from, now));
            vec![format!("your request `{id}` is approved: it is valid from {from} on")]
        }
        RequestState::Denied
        | RequestState::Cancelled
        | RequestState::Expired
        | RequestState::Revoked => Vec::new(),
    }
}

/// How many approvals a pending request needs.
pub(crate) fn missing(request: &RequestView) -> String {
    match request.missing {
        Some(1) => "1 approval is missing".to_owned(),
        Some(missing) => format!("{missing} approvals are missing"),
        None => "no rule decides about it any more".to_owned(),
    }
}
