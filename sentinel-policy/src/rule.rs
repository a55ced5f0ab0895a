//! A checked document: the meaning of the text, with every group replaced by its
//! members and every value parsed. Only the check creates one, and only a checked
//! document can be compiled.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::closed_set::closed_set;
use crate::condition::AnyOf;
use crate::diagnostic::Findings;
use crate::{Conditions, Diagnostics, Pattern, Span, Spanned, UserPattern, Window};

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
    pub(crate) profiles: BTreeMap<String, Profile>,
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
            profiles: BTreeMap::new(),
            rules: Vec::new(),
            approvals: Vec::new(),
            break_glass: Vec::new(),
            operators: Vec::new(),
            warnings: Findings::new(0),
        }
    }

    /// The sections of the profiles, by name.
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
}

/// The section of a profile.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// The role whose credentials are vended. `None` if the template of the TVM determines it.
    pub role_arn: Option<Spanned<RoleArn>>,
    /// The maximum duration of credentials. `None` if the profile does not limit it.
    pub max_duration: Option<Duration>,
    /// The place of the profile in the source.
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
    pub unless: Option<Conditions>,
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
///
/// Documents with it are checked, but no Sentinel service evaluates it yet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ApprovalRule {
    /// The name of the rule.
    pub name: Spanned<String>,
    /// The profiles that the rule governs.
    pub profiles: AnyOf<Pattern>,
    /// The users that can approve requests.
    pub approvers: AnyOf<UserPattern>,
    /// The number of different approvers that a request needs.
    pub approvals: u32,
    /// The maximum duration of an approval.
    pub max_duration: Duration,
    /// The time after which a request that was not approved expires.
    pub deadline: Duration,
    /// The requests that are approved automatically. `None` if none are.
    pub auto_approve: Option<AutoApprove>,
}

/// The conditions under which a request is approved when it is created. All of them
/// must hold.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AutoApprove {
    /// The users whose requests are approved. `None` if the user does not matter.
    pub users: Option<AnyOf<UserPattern>>,
    /// The window in which requests are approved. `None` if the time does not matter.
    pub time: Option<Spanned<Window>>,
    /// The maximum duration of an automatic approval. `None` if only the limit of the rule applies.
    pub max_duration: Option<Duration>,
}

/// A rule on the callers that can break glass.
///
/// Documents with it are checked, but no Sentinel service evaluates it yet.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BreakGlassRule {
    /// The name of the rule.
    pub name: Spanned<String>,
    /// The profiles that the rule governs.
    pub profiles: AnyOf<Pattern>,
    /// The users that can break glass.
    pub users: AnyOf<UserPattern>,
    /// The reasons for which the users can break glass.
    pub reason_codes: Vec<Spanned<ReasonCode>>,
    /// The maximum duration of a grant.
    pub max_duration: Duration,
    /// The minimum time between two openings. `None` if there is no minimum.
    pub cooldown: Option<Duration>,
    /// The limit on the number of openings. `None` if there is no limit.
    pub quota: Option<Quota>,
    /// Whether a grant also overrides a rule that denies.
    pub overrides_deny: bool,
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
    pub users: AnyOf<UserPattern>,
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
        /// List the requests of all callers. No service offers it yet.
        ListRequests = "list_requests",
        /// Revoke an approval. No service offers it yet.
        RevokeApproval = "revoke_approval",
        /// List the grants of all callers. No service offers it yet.
        ListBreakGlass = "list_break_glass",
        /// Close the grant of any caller. No service offers it yet.
        CloseBreakGlass = "close_break_glass",
        /// Review a grant that is closed or expired. No service offers it yet.
        ReviewBreakGlass = "review_break_glass",
    }
}
