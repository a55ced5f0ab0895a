//! Break-glass grants, as they are opened, listed, closed and reviewed.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::lists::list;
use crate::words::words;
use crate::{AccountId, GrantId, ProfileName, Via, rfc3339};

words! {
    /// The state of a break-glass grant at a point in time.
    #[expect(
        clippy::exhaustive_enums,
        reason = "a reader that shows or filters states must handle each of them"
    )]
    GrantState, UnknownGrantState, "the states are active, closed and expired" {
        /// The grant can be used.
        Active = "active",
        /// The grant was closed before it expired.
        Closed = "closed",
        /// The grant has expired.
        Expired = "expired",
    }
}

list! {
    /// A page of grants: the response to `GET /break-glass`.
    GrantList {
        /// The grants of this page. It can be empty although more pages follow.
        grants: GrantView,
        /// The number of damaged rows that this page omits. The log names them.
        unreadable
    }
}

/// A break-glass grant, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct GrantView {
    /// The id of the grant.
    pub id: GrantId,
    /// The person who opened it, as policies see them.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The reason code.
    pub reason_code: String,
    /// The justification that the person entered.
    pub justification: String,
    /// The state when the grant was shown.
    pub state: GrantState,
    /// The time at which it was opened.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub created: DateTime<Utc>,
    /// The time at which it ends, unless it is closed before.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub expires: DateTime<Utc>,
    /// The account of that person.
    pub account: AccountId,
    /// The ARN that they signed with.
    pub principal: String,
    /// The address that the grant was opened from. `None` if unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ip: Option<String>,
    /// The role that the grant is for.
    pub role_arn: String,
    /// The name of the break-glass rule.
    pub rule: String,
    /// Whether the grant also overrides a deny.
    pub overrides_deny: bool,
    /// The person who closed it, when, and their comment. `None` unless it was closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<CommentView>,
    /// The time by which an operator must review it. `None` if the rule sets none.
    #[serde(
        default,
        serialize_with = "rfc3339::serialize_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub review_due: Option<DateTime<Utc>>,
    /// The operator who reviewed it, when, and their comment. `None` unless it was reviewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<CommentView>,
    /// The way in which the person's identity was verified.
    pub via: Via,
}

/// The closing or the review of a grant by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CommentView {
    /// The person, as policies see them.
    pub by: String,
    /// The time.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// Their comment. `None` if they wrote none.
    #[serde(default)]
    pub comment: Option<String>,
}

impl CommentView {
    /// The closing or the review by that person, at that time.
    #[must_use]
    pub fn new(by: impl Into<String>, at: DateTime<Utc>, comment: Option<String>) -> Self {
        Self { by: by.into(), at, comment }
    }
}

/// The fields that every grant has: the arguments of [`GrantView::new`].
#[derive(Clone, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a grant without one of them is incomplete")]
pub struct GrantViewFields {
    /// The id of the grant.
    pub id: GrantId,
    /// The person who opened it, as policies see them.
    pub user: String,
    /// The profile.
    pub profile: ProfileName,
    /// The reason code.
    pub reason_code: String,
    /// The justification that the person entered.
    pub justification: String,
    /// The state.
    pub state: GrantState,
    /// The time at which it was opened.
    pub created: DateTime<Utc>,
    /// The time at which it ends, unless it is closed before.
    pub expires: DateTime<Utc>,
    /// The account of that person.
    pub account: AccountId,
    /// The ARN that they signed with.
    pub principal: String,
    /// The role that the grant is for.
    pub role_arn: String,
    /// The name of the break-glass rule.
    pub rule: String,
    /// Whether the grant also overrides a deny.
    pub overrides_deny: bool,
}

impl GrantView {
    /// A grant without the parts that not every grant has.
    #[must_use]
    pub fn new(fields: GrantViewFields) -> Self {
        let GrantViewFields {
            id,
            user,
            profile,
            reason_code,
            justification,
            state,
            created,
            expires,
            account,
            principal,
            role_arn,
            rule,
            overrides_deny,
        } = fields;
        Self {
            id,
            user,
            profile,
            reason_code,
            justification,
            state,
            created,
            expires,
            account,
            principal,
            source_ip: None,
            role_arn,
            rule,
            overrides_deny,
            closed: None,
            review_due: None,
            reviewed: None,
            via: Via::Iam,
        }
    }

    /// The same grant, opened from that address.
    #[must_use]
    pub fn with_source_ip(self, source_ip: impl Into<Option<String>>) -> Self {
        Self { source_ip: source_ip.into(), ..self }
    }

    /// The same grant, closed by a person.
    #[must_use]
    pub fn with_closed(self, closed: impl Into<Option<CommentView>>) -> Self {
        Self { closed: closed.into(), ..self }
    }

    /// The same grant, to be reviewed by then, and the review if it was reviewed.
    #[must_use]
    pub fn with_review(
        self,
        review_due: impl Into<Option<DateTime<Utc>>>,
        reviewed: impl Into<Option<CommentView>>,
    ) -> Self {
        Self { review_due: review_due.into(), reviewed: reviewed.into(), ..self }
    }
}

/// The body of `POST /break-glass`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct GrantBody {
    /// The profile.
    pub profile: String,
    /// The reason code: `incident`, `security`, `maintenance`, `recovery` or `other`.
    pub reason_code: String,
    /// The justification: 20 to 1,000 characters.
    pub justification: String,
    /// The length of the grant, in seconds. `None` for the maximum of the break-glass rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<u64>,
}

impl GrantBody {
    /// A grant of the maximum length.
    #[must_use]
    pub fn new(
        profile: impl Into<String>,
        reason_code: impl Into<String>,
        justification: impl Into<String>,
    ) -> Self {
        Self {
            profile: profile.into(),
            reason_code: reason_code.into(),
            justification: justification.into(),
            duration_s: None,
        }
    }

    /// The same grant of that number of seconds.
    #[must_use]
    pub fn with_seconds(self, duration_s: impl Into<Option<u64>>) -> Self {
        Self { duration_s: duration_s.into(), ..self }
    }
}
