//! What a caller who is refused can do next: wait for a window, request an approval, or break glass.
//! Everything here follows from the caller's own request and the policy, so that the caller could
//! learn it by repeating the request, or from the list of profiles.

use chrono::{DateTime, Utc};
use sentinel_policy::{Facts, Policy, ReasonCode, Request, Verdict};
use sentinel_store::ProfileName;
use sentinel_wire::rfc3339;

use crate::broker::Broker;
use crate::denial::Denial;
use crate::identity::Caller;

/// A request that was refused, and the policy that refused it.
#[derive(Debug)]
pub(super) struct Refused<'a> {
    pub(super) policy: &'a Policy,
    pub(super) request: Request<'a>,
    pub(super) facts: Facts,
    pub(super) now: DateTime<Utc>,
}

impl Broker {
    /// The refusal of a request that the policy denies. It contains when a window opens, if the time is
    /// the only reason, and whether the caller can break glass.
    pub(super) fn denied(
        &self,
        caller: &Caller,
        profile: &ProfileName,
        refused: &Refused<'_>,
    ) -> Denial {
        let opening = self.opening(profile, refused);
        let emergency = self.emergency(caller, profile, refused.policy, true);
        match [opening, emergency].into_iter().flatten().reduce(|a, b| format!("{a}; {b}")) {
            Some(remedies) => Denial::policy_deny_with(&remedies),
            None => Denial::policy_deny(),
        }
    }

    /// The refusal of a request whose approval is missing.
    pub(super) fn approval_missing(
        &self,
        caller: &Caller,
        profile: &ProfileName,
        policy: &Policy,
    ) -> Denial {
        let rule = policy.approval_rule(profile.as_str()).filter(|_| self.requests.is_some());
        let denial = Denial::approval_required(rule.map(|rule| rule.name.value.as_str()));
        match self.emergency(caller, profile, policy, false) {
            Some(emergency) => denial.with_remedy(&emergency),
            None => denial,
        }
    }

    /// When the same request would no longer be denied, within the next eight days.
    fn opening(&self, profile: &ProfileName, refused: &Refused<'_>) -> Option<String> {
        let Refused { policy, request, facts, now } = refused;
        let at = policy.valid_until(request, facts, *now)?;
        let when = rfc3339::seconds(at);
        match policy.decide(request, facts, at).verdict {
            Verdict::Allow => Some(format!("it allows it at {when}: try again then")),
            Verdict::RequireApproval => {
                let rule = policy.approval_rule(profile.as_str());
                let rule = rule.filter(|_| self.requests.is_some())?;
                let name = &rule.name.value;
                let reachable = (at - *now).to_std().is_ok_and(|ahead| ahead <= rule.deadline);
                Some(if reachable {
                    format!(
                        "it allows it at {when} with an approval: request it with `POST /requests` \
                         (`sentinel request`) and `not_before`; the approvals rule `{name}` decides"
                    )
                } else {
                    format!(
                        "it allows it at {when} with an approval, which can be requested nearer to \
                         that time; the approvals rule `{name}` decides"
                    )
                })
            }
            Verdict::Deny => None,
        }
    }

    /// How the caller can break glass for the profile. `deny` is whether a grant must override a deny.
    fn emergency(
        &self,
        caller: &Caller,
        profile: &ProfileName,
        policy: &Policy,
        deny: bool,
    ) -> Option<String> {
        let codes = self.reason_codes(caller, profile, policy, deny);
        let (last, others) = codes.split_last()?;
        let codes = match others {
            [] => format!("the reason code `{last}`"),
            others => format!("a reason code, `{}` or `{last}`", others.join("`, `")),
        };
        Some(format!(
            "in an emergency, open a grant with `POST /break-glass` (`sentinel break-glass open`) and \
             {codes}"
        ))
    }

    /// The reason codes for which a break-glass rule names the caller and the profile, and could change
    /// the decision. Without one, no grant is read.
    pub(super) fn reason_codes(
        &self,
        caller: &Caller,
        profile: &ProfileName,
        policy: &Policy,
        deny: bool,
    ) -> Vec<&'static str> {
        if self.grants.is_none() {
            return Vec::new();
        }
        let who = caller.in_policy();
        let counts = |code: &&ReasonCode| {
            policy
                .break_glass_rule(&who, profile.as_str(), **code)
                .is_some_and(|rule| rule.overrides_deny || !deny)
        };
        ReasonCode::ALL.iter().filter(counts).map(|code| code.as_str()).collect()
    }
}
