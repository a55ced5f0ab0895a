//! A checked document: what the text means, with every group replaced by its
//! members and every value parsed. Only the check makes one, and only a checked
//! document can be compiled.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::closed_set::closed_set;
use crate::condition::AnyOf;
use crate::diagnostic::Findings;
use crate::{Conditions, Diagnostics, Pattern, Span, Spanned, UserPattern, Window};

/// A document that was checked. Nothing but the check makes one:
///
/// ```compile_fail
/// let unchecked = sentinel_policy::Checked::default();
/// ```
/// ```compile_fail
/// let unchecked = sentinel_policy::Checked { rules: Vec::new() };
/// ```
#[derive(Clone, Debug)]
pub struct Checked {
    pub(crate) profiles: BTreeMap<String, Profile>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) approvals: Vec<ApprovalRule>,
    pub(crate) break_glass: Vec<BreakGlassRule>,
    pub(crate) operators: Vec<OperatorRule>,
    /// What is doubtful about it; without errors.
    pub(crate) doubts: Findings,
}

impl Checked {
    /// One that says nothing, for what could not be read.
    pub(crate) fn nothing() -> Self {
        Self {
            profiles: BTreeMap::new(),
            rules: Vec::new(),
            approvals: Vec::new(),
            break_glass: Vec::new(),
            operators: Vec::new(),
            doubts: Findings::new(0),
        }
    }

    /// What each profile is, by its name.
    #[must_use]
    pub fn profiles(&self) -> &BTreeMap<String, Profile> {
        &self.profiles
    }

    /// The rules, in order; the first that matches wins.
    #[must_use]
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Who approves what.
    #[must_use]
    pub fn approvals(&self) -> &[ApprovalRule] {
        &self.approvals
    }

    /// Who may break glass.
    #[must_use]
    pub fn break_glass(&self) -> &[BreakGlassRule] {
        &self.break_glass
    }

    /// What is legal and doubtful in the document, for instance an entry that
    /// matches no caller. A document with warnings can be used.
    #[must_use]
    pub fn warnings(&self) -> Option<Diagnostics> {
        self.doubts.clone().into_result().ok().flatten()
    }

    /// Who may operate.
    #[must_use]
    pub fn operators(&self) -> &[OperatorRule] {
        &self.operators
    }
}

/// An IAM role's ARN.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RoleArn(Box<str>);

impl RoleArn {
    /// Reads `arn:PARTITION:iam::ACCOUNT:role/[PATH/]NAME`, without wildcards;
    /// none when it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(6, ':');
        let arn = parts.next()? == "arn";
        let partition = parts.next()?;
        let iam = parts.next()? == "iam";
        let global = parts.next()?.is_empty();
        let account = parts.next()?;
        let name = parts.next()?.strip_prefix("role/")?;
        // IAM's own characters of paths and names.
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

/// What a profile is.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The role that is assumed, where the document names it.
    pub role_arn: Option<Spanned<RoleArn>>,
    /// The longest that credentials may last.
    pub max_duration: Option<Duration>,
    /// Where the profile stands.
    pub span: Span,
}

closed_set! {
    /// What a rule does when it matches.
    Effect {
        /// Vend.
        Allow = "allow",
        /// Refuse.
        Deny = "deny",
        /// Vend once an approval is given.
        RequireApproval = "require_approval",
        /// Vend through the TVM only.
        RequireServer = "require_server",
        /// Vend through the TVM only, and only with a tracked session.
        RequireServerSession = "require_server_session",
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// Its name, one of its kind in the document.
    pub name: Spanned<String>,
    /// What it does.
    pub effect: Effect,
    /// What must hold.
    pub conditions: Conditions,
    /// What must not hold, all at once.
    pub unless: Option<Conditions>,
    /// The longest that credentials may last.
    pub max_duration: Option<Duration>,
    /// For `require_server_session`: the table that must be in use.
    pub session_table: Option<String>,
    /// Why, for people.
    pub reason: Option<String>,
    /// Where the rule stands.
    pub span: Span,
}

/// Who approves requests for which profiles.
#[derive(Clone, Debug, PartialEq)]
pub struct ApprovalRule {
    /// Its name.
    pub name: Spanned<String>,
    /// The profiles it governs.
    pub profiles: AnyOf<Pattern>,
    /// Those who may approve.
    pub approvers: AnyOf<UserPattern>,
    /// How many different people must.
    pub approvals: u32,
    /// How long an approval lasts at most.
    pub max_duration: Duration,
    /// How long a request may wait.
    pub deadline: Duration,
    /// Whose requests are approved when they are made.
    pub auto_approve: Option<AutoApprove>,
}

/// Requests that are approved when they are made: all that is given must hold.
#[derive(Clone, Debug, PartialEq)]
pub struct AutoApprove {
    /// Whose.
    pub users: Option<AnyOf<UserPattern>>,
    /// When.
    pub time: Option<Spanned<Window>>,
    /// How long such an approval lasts at most.
    pub max_duration: Option<Duration>,
}

/// Who may break glass.
#[derive(Clone, Debug, PartialEq)]
pub struct BreakGlassRule {
    /// Its name.
    pub name: Spanned<String>,
    /// For which profiles.
    pub profiles: AnyOf<Pattern>,
    /// Who.
    pub users: AnyOf<UserPattern>,
    /// For which reasons.
    pub reason_codes: Vec<Spanned<ReasonCode>>,
    /// How long a grant lasts at most.
    pub max_duration: Duration,
    /// How long to wait between two openings.
    pub cooldown: Option<Duration>,
    /// How often.
    pub quota: Option<Quota>,
    /// Whether a grant overrides a deny.
    pub overrides_deny: bool,
}

/// So many openings in any stretch of time of that length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// How many.
    pub count: u32,
    /// In how long.
    pub per: Duration,
}

/// Who may operate.
#[derive(Clone, Debug, PartialEq)]
pub struct OperatorRule {
    /// Its name.
    pub name: Spanned<String>,
    /// Who.
    pub users: AnyOf<UserPattern>,
    /// What.
    pub may: Vec<Spanned<Operation>>,
}

closed_set! {
    /// Why glass is broken.
    ReasonCode {
        /// Something is down.
        Incident = "incident",
        /// Somebody is attacking.
        Security = "security",
        /// Work that was planned.
        Maintenance = "maintenance",
        /// Getting back what was lost.
        Recovery = "recovery",
        /// Anything else; the justification says what.
        Other = "other",
    }
}

closed_set! {
    /// What an operator may do.
    Operation {
        /// See everybody's sessions.
        ListSessions = "list_sessions",
        /// Revoke sessions and callers.
        Revoke = "revoke",
        /// Let a revoked caller in again.
        Reinstate = "reinstate",
        /// See everybody's requests.
        ListRequests = "list_requests",
        /// Revoke an approval.
        RevokeApproval = "revoke_approval",
        /// See everybody's grants.
        ListBreakGlass = "list_break_glass",
        /// Close somebody's grant.
        CloseBreakGlass = "close_break_glass",
    }
}
