//! The other kinds of policies of the Go project. The Go project keeps each kind in
//! a separate document, whose `rules` have other keys. In this project they are
//! part of the document that governs the profile. One diagnostic reports this,
//! instead of one for each key.

use crate::diagnostic::Finding;
use crate::document::{Kind, Mapping, Node};
use crate::read::{Field, Reader};

/// A kind of policy of the Go project that is not a separate document in this
/// project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OtherPolicy {
    /// Approvers, and the conditions of automatic approval.
    Approval,
    /// The callers that can break glass.
    BreakGlass,
    /// The limits on how often glass can be broken.
    BreakGlassLimits,
    /// The limits on how often a caller can send requests.
    RequestRate,
}

impl OtherPolicy {
    /// The description of the kind in a message.
    const fn describe(self) -> &'static str {
        match self {
            Self::Approval => "an approval policy of the Go project",
            Self::BreakGlass => "a break-glass policy of the Go project",
            Self::BreakGlassLimits => "a rate-limit policy of the Go project for breaking glass",
            Self::RequestRate => "a rate-limit policy",
        }
    }

    /// The section of a policy that takes its content.
    const fn belongs(self) -> &'static str {
        match self {
            Self::Approval => {
                "put the rules under `approvals` in the document that governs the profile, with \
                 `profiles: [\"*\"]` for every profile"
            }
            Self::BreakGlass => {
                "put the rules under `break_glass` in the document that governs the profile, with \
                 `reason_codes` in place of `allowed_reason_codes` and `profiles: [\"*\"]` for every profile"
            }
            Self::BreakGlassLimits => {
                "set `cooldown` and `quota: { count: 3, per: 24h }` in the rules under `break_glass` \
                 in the document that governs the profile"
            }
            Self::RequestRate => {
                "the TVM limits the requests of a caller: set `SENTINEL_CALLER_RATE`"
            }
        }
    }

    /// The kind whose rules have a key that no rule of an access policy has.
    fn of_key(key: &str) -> Option<Self> {
        match key {
            "approvers" | "auto_approve" | "approval_timeout" | "required_approvals" => {
                Some(Self::Approval)
            }
            "allowed_reason_codes" | "reason_codes" | "mfa" => Some(Self::BreakGlass),
            "cooldown"
            | "quota"
            | "max_per_user"
            | "max_per_profile"
            | "quota_window"
            | "escalation_threshold" => Some(Self::BreakGlassLimits),
            "requests_per_window" | "burst_size" | "rate_limit" | "requests_per_minute" => {
                Some(Self::RequestRate)
            }
            _ => None,
        }
    }

    /// The kind of a rule. `None` for a rule of an access policy.
    fn of_rule(rule: &Mapping<'_>) -> Option<Self> {
        let mut kinds = rule.entries.iter().filter_map(|entry| Self::of_key(&entry.key));
        let first = kinds.next()?;
        // A break-glass rule can also have a cooldown.
        if first == Self::BreakGlassLimits && kinds.any(|kind| kind == Self::BreakGlass) {
            return Some(Self::BreakGlass);
        }
        Some(first)
    }
}

impl<'n> Reader<'n> {
    /// Whether the `rules` belong to another kind of policy, which is then reported.
    /// They do if none of them has an effect or conditions, and at least one has a key
    /// that identifies the other kind.
    pub(super) fn is_other_policy(&mut self, rules: Field<'n>) -> bool {
        let Kind::List(items) = &rules.node.kind else { return false };
        let mapping = |item: &'n Node<'n>| match &item.kind {
            Kind::Mapping(mapping) => Some(mapping),
            Kind::Scalar(_) | Kind::List(_) | Kind::Refused => None,
        };
        let of_access = |rule: &Mapping<'_>| {
            rule.entries
                .iter()
                .any(|entry| matches!(&*entry.key, "effect" | "conditions" | "unless"))
        };
        if items.iter().filter_map(mapping).any(of_access) {
            return false;
        }
        let Some(kind) = items.iter().filter_map(mapping).find_map(OtherPolicy::of_rule) else {
            return false;
        };
        self.findings.report(
            rules.key_span,
            Finding::OtherPolicy { kind: kind.describe(), belongs: kind.belongs() },
        );
        true
    }
}
