//! A checked document: the meaning of the text, with every group of the document replaced
//! by its members and every value parsed. Only the check creates one, and only a checked
//! document can be compiled.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::closed_set::closed_set;
use crate::condition::AnyOf;
use crate::diagnostic::Findings;
use crate::user_entry::is_one_of;
use crate::{Conditions, Diagnostics, Pattern, Principal, Span, Spanned, UserEntry, Window};

/// A document that was checked. Only the check can create it:
///
/// ```compile_fail
/// let unchecked = sentinel_policy::CheckedPolicy::default();
/// ```
/// ```compile_fail
/// let unchecked = sentinel_policy::CheckedPolicy { rules: Vec::new() };
/// ```
#[derive(Clone, Debug)]
pub struct CheckedPolicy {
    pub(crate) groups_from: Vec<Spanned<String>>,
    pub(crate) profiles: BTreeMap<String, Profile>,
    /// The keys of sections that only the main document can have, and that no other field has.
    pub(crate) main_document_keys: Vec<Spanned<&'static str>>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) approvals: Vec<ApprovalRule>,
    pub(crate) break_glass: Vec<BreakGlassRule>,
    pub(crate) operators: Vec<OperatorRule>,
    /// The warnings, without errors.
    pub(crate) warnings: Findings,
}

impl CheckedPolicy {
    /// An empty document, used if the source could not be read.
    pub(crate) fn empty() -> Self {
        Self {
            groups_from: Vec::new(),
            profiles: BTreeMap::new(),
            main_document_keys: Vec::new(),
            rules: Vec::new(),
            approvals: Vec::new(),
            break_glass: Vec::new(),
            operators: Vec::new(),
            warnings: Findings::new(0),
        }
    }

    /// The profiles that the document describes, by name: under `profiles`, and by a pattern
    /// under `profile_patterns` and an account.
    #[must_use]
    pub fn profiles(&self) -> &BTreeMap<String, Profile> {
        &self.profiles
    }

    /// The rules, in order. The first rule that matches determines the decision.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The rules under `approvals`.
    #[must_use]
    pub fn approvals(&self) -> &[ApprovalRule] {
        &self.approvals
    }

    /// The rules under `break_glass`.
    #[must_use]
    pub fn break_glass(&self) -> &[BreakGlassRule] {
        &self.break_glass
    }

    /// The valid but doubtful parts of the document, for instance an entry that matches
    /// no caller. A document with warnings can be used.
    #[must_use]
    pub fn warnings(&self) -> Option<Diagnostics> {
        self.warnings.clone().into_result().ok().flatten()
    }

    /// The rules under `operators`.
    #[must_use]
    pub fn operators(&self) -> &[OperatorRule] {
        &self.operators
    }
}

/// The ARN of an IAM role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn(Box<str>);

impl RoleArn {
    /// Reads `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`, without wildcards. `None`
    /// if the text has another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let arn = parts.next()? == "arn";
        let partition = parts.next()?;
        let iam = parts.next()? == "iam";
        let global = parts.next()?.is_empty();
        let account = parts.next()?;
        let name = parts.next()?.strip_prefix("role/")?;
        // The characters that IAM allows in paths and names.
        let named = !name.is_empty()
            && !name.ends_with('/')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&b));
        let valid = arn
            && iam
            && global
            && named
            && text.len() <= 2048
            && partition.starts_with("aws")
            && partition.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit());
        valid.then(|| Self(text.into()))
    }

    /// The ARN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account of the role.
    #[must_use]
    pub fn account(&self) -> &str {
        self.0.split(':').nth(4).unwrap_or_default()
    }

    /// The name of the role, without its path.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit(['/', ':']).next().unwrap_or_default()
    }

    /// The identity of the role. Two ARNs with the same key are the same role.
    #[must_use]
    pub fn key(&self) -> RoleKey {
        RoleKey { account: self.account().into(), name: self.name().to_ascii_lowercase().into() }
    }
}

/// The identity of a role: its account and its name. IAM does not distinguish names by case, and
/// a name belongs to one role in an account, regardless of its path. An account is in one
/// partition.
/// <https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html>
///
/// ```
/// use sentinel_policy::RoleArn;
///
/// let role = RoleArn::parse("arn:aws:iam::111122223333:role/Admin").unwrap();
/// let same = RoleArn::parse("arn:aws:iam::111122223333:role/teams/ADMIN").unwrap();
/// let other = RoleArn::parse("arn:aws:iam::444455556666:role/Admin").unwrap();
/// assert_eq!(role.key(), same.key());
/// assert_ne!(role.key(), other.key());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoleKey {
    account: Box<str>,
    /// In lower case.
    name: Box<str>,
}

/// The description of a profile, by its own section or by a pattern.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The role whose credentials are vended. `None` if the template of the TVM determines it.
    pub role_arn: Option<Spanned<RoleArn>>,
    /// The maximum duration of credentials. `None` if the profile does not limit it.
    pub max_duration: Option<Duration>,
    /// Whether a pattern describes the profile. No other profile of the document has its role.
    pub from_pattern: bool,
    /// The place of the profile, or of the pattern that describes it, in the source.
    pub span: Span,
}

closed_set! {
    /// The effect of a rule that matches.
    #[expect(clippy::exhaustive_enums, reason = "every evaluator must handle every effect")]
    Effect {
        /// Vend credentials.
        Allow = "allow",
        /// Refuse the request.
        Deny = "deny",
        /// Vend credentials after an approval.
        RequireApproval = "require_approval",
        /// Vend credentials only through the TVM.
        RequireServer = "require_server",
        /// Vend credentials only through the TVM, and only with a tracked session.
        RequireServerSession = "require_server_session",
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rule {
    /// The name of the rule. Unique among the rules of its kind in the document.
    pub name: Spanned<String>,
    /// The effect of the rule.
    pub effect: Effect,
    /// The conditions, all of which must hold.
    pub conditions: Conditions,
    /// The exception. The rule does not match if all of these conditions hold. `None` if the rule
    /// has no exception.
    pub unless: Option<Box<Conditions>>,
    /// The maximum duration of credentials. `None` if the rule does not limit it.
    pub max_duration: Option<Duration>,
    /// The session table that must be in use, for `require_server_session`. `None` if any table
    /// is accepted.
    pub session_table: Option<String>,
    /// The reason for the rule, for people. `None` if the rule states none.
    pub reason: Option<String>,
    /// The place of the rule in the source.
    pub span: Span,
}

/// A rule on the approval of requests for some profiles.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApprovalRule {
    /// The name of the rule.
    pub name: Spanned<String>,
    /// The profiles that the rule governs.
    pub profiles: AnyOf<Pattern>,
    /// The steps, all of which must be satisfied. One person counts for one step only. A rule
    /// whose `approvers` are a list of users has one step.
    pub steps: Vec<ApprovalStep>,
    /// The pattern that the ticket of a request must match as a whole. `None` if a request
    /// needs no ticket.
    pub ticket_pattern: Option<Spanned<Pattern>>,
    /// The maximum duration of an approval.
    pub max_duration: Duration,
    /// The time after which a request that was not approved expires.
    pub deadline: Duration,
    /// The requests that are approved automatically. `None` if none are.
    pub auto_approve: Option<AutoApprove>,
}

impl ApprovalRule {
    /// Whether a request with that ticket can be created. If the rule has a
    /// `ticket_pattern`, a request without a ticket cannot.
    #[must_use]
    pub fn accepts_ticket(&self, ticket: Option<&str>) -> bool {
        self.ticket_pattern.as_ref().is_none_or(|pattern| {
            ticket.is_some_and(|ticket| !ticket.is_empty() && pattern.value.matches(ticket))
        })
    }
}

/// A step of an approvals rule.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApprovalStep {
    /// The users that can approve requests in this step.
    pub approvers: AnyOf<UserEntry>,
    /// The number of different approvers that this step needs. At least 1.
    pub approvals: u32,
}

/// The conditions under which a request is approved when it is created. All of them
/// must hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoApprove {
    /// The users whose requests are approved. `None` if the user does not matter.
    pub users: Option<AnyOf<UserEntry>>,
    /// The window in which requests are approved. `None` if the time does not matter.
    pub time: Option<Spanned<Window>>,
    /// The maximum duration of an automatic approval. `None` if only the limit of the rule applies.
    pub max_duration: Option<Duration>,
}

impl AutoApprove {
    /// Whether a request that is created at `now` is approved automatically: the rule names
    /// the requester, and the window is open, if the rule has these conditions.
    /// `max_duration` limits the approval and is not compared here.
    ///
    /// ```
    /// use sentinel_policy::{Policy, Principal};
    ///
    /// let policy: Policy = r#"
    /// version: "1"
    /// rules: [{ name: ask, effect: require_approval }]
    /// approvals:
    ///   - name: leads
    ///     profiles: [production]
    ///     approvers: [bob]
    ///     auto_approve: { users: [alice], time: { days: [monday] } }
    /// "#
    /// .parse()?;
    /// let rule = policy.approval_rule("production").unwrap();
    /// let auto_approve = rule.auto_approve.as_ref().unwrap();
    /// let (monday, tuesday) = ("2026-03-02T12:00:00Z".parse()?, "2026-03-03T12:00:00Z".parse()?);
    /// assert!(auto_approve.approves(&Principal::new("alice"), monday));
    /// assert!(!auto_approve.approves(&Principal::new("alice"), tuesday));
    /// assert!(!auto_approve.approves(&Principal::new("carol"), monday));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn approves(&self, requester: &Principal<'_>, now: DateTime<Utc>) -> bool {
        self.users.as_ref().is_none_or(|users| is_one_of(users, requester))
            && self.time.as_ref().is_none_or(|window| window.value.contains(now))
    }
}

/// A rule on the callers that can break glass.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakGlassRule {
    /// The name of the rule.
    pub name: Spanned<String>,
    /// The profiles that the rule governs.
    pub profiles: AnyOf<Pattern>,
    /// The users that can break glass.
    pub users: AnyOf<UserEntry>,
    /// The reasons for which the users can break glass.
    pub reason_codes: Vec<Spanned<ReasonCode>>,
    /// The maximum duration of a grant.
    pub max_duration: Duration,
    /// The minimum time between two openings. `None` if there is no minimum.
    pub cooldown: Option<Duration>,
    /// The limit on the number of openings by one caller. `None` if there is no limit.
    pub quota: Option<Quota>,
    /// The limit on the number of openings on one profile by all callers together. `None` if
    /// there is no limit.
    pub quota_per_profile: Option<Quota>,
    /// Whether a grant also overrides a deny, by a rule or because no rule matched.
    pub overrides_deny: bool,
    /// The time after the end of a grant within which it must be reviewed. `None` if a review
    /// is never overdue.
    pub review_within: Option<Duration>,
    /// Whether a caller with a grant that has ended and was not reviewed cannot open another
    /// one.
    pub review_blocks: bool,
}

/// A limit on the number of openings within a window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quota {
    /// Maximum number of openings within the window.
    pub count: u32,
    /// Window length. The quota counts openings that fall within it.
    pub per: Duration,
}

/// A rule on the operations of operators.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct OperatorRule {
    /// The name of the rule.
    pub name: Spanned<String>,
    /// The users that are operators.
    pub users: AnyOf<UserEntry>,
    /// The operations that the operators can perform.
    pub may: Vec<Spanned<Operation>>,
}

closed_set! {
    /// The reason for breaking glass.
    #[non_exhaustive]
    ReasonCode {
        /// A service is unavailable.
        Incident = "incident",
        /// An attack is in progress.
        Security = "security",
        /// Planned work.
        Maintenance = "maintenance",
        /// Lost data is being restored.
        Recovery = "recovery",
        /// Any other reason, which the justification states.
        Other = "other",
    }
}

closed_set! {
    /// An operation of an operator.
    #[expect(clippy::exhaustive_enums, reason = "every service must authorize every operation")]
    Operation {
        /// List the sessions of all callers.
        ListSessions = "list_sessions",
        /// Revoke sessions and callers.
        Revoke = "revoke",
        /// Reinstate a revoked caller.
        Reinstate = "reinstate",
        /// List the requests of all callers.
        ListRequests = "list_requests",
        /// Revoke an approval.
        RevokeApproval = "revoke_approval",
        /// List the grants of all callers.
        ListBreakGlass = "list_break_glass",
        /// Close the grant of any caller.
        CloseBreakGlass = "close_break_glass",
        /// Review a grant of another caller that is closed or expired.
        ReviewBreakGlass = "review_break_glass",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_arn_has_a_partition_an_account_and_a_name() {
        for (text, account, name) in [
            ("arn:aws:iam::111122223333:role/Prod", "111122223333", "Prod"),
            ("arn:aws-us-gov:iam::444455556666:role/a/b/Prod", "444455556666", "Prod"),
            ("arn:aws-cn:iam::111122223333:role/a+=,.@_-b", "111122223333", "a+=,.@_-b"),
        ] {
            let role = RoleArn::parse(text).unwrap();
            assert_eq!((role.as_str(), role.account(), role.name()), (text, account, name));
        }
        let longest = format!("arn:aws:iam::111122223333:role/{}", "a".repeat(2048 - 31));
        assert!(RoleArn::parse(&longest).is_some());
        assert_eq!(RoleArn::parse(&format!("{longest}a")), None);
    }

    #[test]
    fn another_form_is_not_a_role_arn() {
        for text in [
            "",
            "Prod",
            "role/Prod",
            "urn:aws:iam::111122223333:role/Prod",
            "arn:gcp:iam::111122223333:role/Prod",
            "arn:awsX:iam::111122223333:role/Prod",
            "arn::iam::111122223333:role/Prod",
            "arn:aws:sts::111122223333:role/Prod",
            "arn:aws:iam:eu-central-1:111122223333:role/Prod",
            "arn:aws:iam::11112222333:role/Prod",
            "arn:aws:iam::1111222233334:role/Prod",
            "arn:aws:iam::11112222333x:role/Prod",
            "arn:aws:iam::*:role/Prod",
            "arn:aws:iam::111122223333:user/Prod",
            "arn:aws:iam::111122223333:role",
            "arn:aws:iam::111122223333:role/",
            "arn:aws:iam::111122223333:role/Prod/",
            "arn:aws:iam::111122223333:role/Prod*",
            "arn:aws:iam::111122223333:role/Pr od",
            "arn:aws:iam::111122223333:role/Prod:x",
            "arn:aws:iam::111122223333:role/Pröd",
        ] {
            assert_eq!(RoleArn::parse(text), None, "{text}");
        }
    }
}
