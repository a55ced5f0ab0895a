//! Notices about requests and grants for people. A store writes a notice next to the record, or in the
//! marker that is removed when the record's time is over.
//!
//! Not here: how a notice reaches people. `deploy/` sends those in DynamoDB to an event bus;
//! `sentinel dev` passes them to a command. Text that a caller chose is inert in every notice.

mod text;

use chrono::{DateTime, Utc};
use sentinel_wire::{RequestAction, rfc3339};
use serde::{Serialize, Serializer};

use crate::{AccessRequest, Grant, GrantNote, Person, RequestStatus};
use text::{inert, name};

/// The version of the shape of [`NoticeDetail`]. Fields may be added without a new version.
const VERSION: &str = "1";

/// The `source` of every event.
const SOURCE: &str = "sentinel";

/// What happened: the `detail-type` of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoticeKind {
    /// A request was created, and people must decide on it.
    RequestCreated,
    /// A request has every required approval.
    RequestApproved,
    /// A request was denied.
    RequestDenied,
    /// The requester cancelled a request.
    RequestCancelled,
    /// The deadline of a pending request has passed.
    RequestExpired,
    /// An approval was revoked.
    RequestRevoked,
    /// A break-glass grant was opened.
    GrantOpened,
    /// A grant was closed before its end.
    GrantClosed,
    /// A grant ended.
    GrantExpired,
    /// An operator reviewed a grant.
    GrantReviewed,
    /// A grant was not reviewed in time.
    ReviewOverdue,
}

impl NoticeKind {
    /// Every kind.
    pub const ALL: [Self; 11] = [
        Self::RequestCreated,
        Self::RequestApproved,
        Self::RequestDenied,
        Self::RequestCancelled,
        Self::RequestExpired,
        Self::RequestRevoked,
        Self::GrantOpened,
        Self::GrantClosed,
        Self::GrantExpired,
        Self::GrantReviewed,
        Self::ReviewOverdue,
    ];

    /// The `detail-type`.
    #[must_use]
    pub const fn detail_type(self) -> &'static str {
        match self {
            Self::RequestCreated => "Request Created",
            Self::RequestApproved => "Request Approved",
            Self::RequestDenied => "Request Denied",
            Self::RequestCancelled => "Request Cancelled",
            Self::RequestExpired => "Request Expired",
            Self::RequestRevoked => "Request Revoked",
            Self::GrantOpened => "Break-Glass Opened",
            Self::GrantClosed => "Break-Glass Closed",
            Self::GrantExpired => "Break-Glass Expired",
            Self::GrantReviewed => "Break-Glass Reviewed",
            Self::ReviewOverdue => "Break-Glass Review Overdue",
        }
    }

    /// The end of the idempotency key.
    const fn word(self) -> &'static str {
        match self {
            Self::RequestCreated => "created",
            Self::RequestApproved => "approved",
            Self::RequestDenied => "denied",
            Self::RequestCancelled => "cancelled",
            Self::RequestExpired | Self::GrantExpired => "expired",
            Self::RequestRevoked => "revoked",
            Self::GrantOpened => "opened",
            Self::GrantClosed => "closed",
            Self::GrantReviewed => "reviewed",
            Self::ReviewOverdue => "review-overdue",
        }
    }
}

/// The `detail` of the event. Every field is text, and a field that does not apply is empty, so
/// that templates can refer to each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NoticeDetail {
    /// The version of this shape.
    pub version: &'static str,
    /// The idempotency key: the same in every copy of the notice, and in no other notice.
    pub key: String,
    /// The id of the request or the grant.
    pub id: String,
    /// The user who made the request or opened the grant.
    pub user: String,
    /// The AWS account of their principal.
    pub account: String,
    /// The ARN of their principal.
    pub principal: String,
    /// The profile.
    pub profile: String,
    /// The role of the profile when the request was made or the grant was opened.
    pub role_arn: String,
    /// The approvals rule or the break-glass rule.
    pub rule: String,
    /// The reason of a request, the justification of a grant.
    pub reason: String,
    /// The reason code of a grant.
    pub reason_code: String,
    /// The ticket of a request.
    pub ticket: String,
    /// The length of the access, such as `1h30m`.
    pub duration: String,
    /// The time of what happened.
    pub at: String,
    /// The time until which something can be done: the deadline of a pending request, the end of an
    /// approval or an open grant, the time by which a closed grant must be reviewed.
    pub until: String,
    /// The person who decided, closed or reviewed.
    pub by: String,
    /// Their comment.
    pub comment: String,
    /// What happened, in one sentence.
    pub title: String,
    /// What a person can do next, with the command. Empty if there is nothing to do.
    pub next: String,
}

/// A notice about a request or a grant. Serialized, it is the [detail](NoticeDetail) with a field
/// `type`: the attribute of an item.
///
/// ```
/// # use sentinel_store::*;
/// # fn notice(request: &AccessRequest) -> Option<()> {
/// let notice = Notice::of_request(request)?;
/// println!("{}: {}", notice.kind.detail_type(), notice.detail.title);
/// # Some(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Notice {
    /// What happened.
    #[serde(rename = "type", serialize_with = "detail_type")]
    pub kind: NoticeKind,
    /// The rest.
    #[serde(flatten)]
    pub detail: NoticeDetail,
}

fn detail_type<S: Serializer>(kind: &NoticeKind, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.detail_type())
}

/// A notice as an event of a bus.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NoticeEvent<'a> {
    source: &'static str,
    detail_type: &'static str,
    detail: &'a NoticeDetail,
}

impl Notice {
    /// The notice about the last change of a request. `None` if there is none, as for the first of
    /// two required approvals.
    #[must_use]
    pub fn of_request(request: &AccessRequest) -> Option<Self> {
        let (id, user, access) = (request.id, inert(&request.requester.user), access(request));
        let last = request.decided.last();
        let by = last.map(|decision| inert(&decision.by.user)).unwrap_or_default();
        let automatic = last.is_some_and(|last| last.action == RequestAction::AutoApprove);
        let (kind, title, next) = match request.status {
            RequestStatus::Pending if last.is_some() => return None,
            RequestStatus::Pending => {
                let until = rfc3339::seconds(request.deadline);
                let next = format!(
                    "To decide until {until}: sentinel approve {id}, or sentinel deny {id}"
                );
                (NoticeKind::RequestCreated, format!("{user} requests {access}"), next)
            }
            RequestStatus::Approved(_) => {
                let title = if automatic {
                    format!("{user}'s request of {access} was approved automatically")
                } else {
                    format!("{by} approved {user}'s request of {access}")
                };
                (
                    NoticeKind::RequestApproved,
                    title,
                    format!("To end it: sentinel requests revoke {id}"),
                )
            }
            RequestStatus::Denied => {
                let title = format!("{by} denied {user}'s request of {access}");
                (NoticeKind::RequestDenied, title, String::new())
            }
            RequestStatus::Cancelled => {
                let title = format!("{user} cancelled the request of {access}");
                (NoticeKind::RequestCancelled, title, String::new())
            }
            RequestStatus::Revoked(_) => {
                let title = format!("{by} revoked {user}'s approval of {access}");
                (NoticeKind::RequestRevoked, title, String::new())
            }
        };
        let at = last.map_or(request.created, |decision| decision.at);
        Some(Self::about_request(request, kind, at, title, next))
    }

    /// The notice that the deadline of a request has passed.
    #[must_use]
    pub fn of_expired_request(request: &AccessRequest) -> Self {
        let (user, access) = (inert(&request.requester.user), access(request));
        let title = format!("{user}'s request of {access} expired without a decision");
        let kind = NoticeKind::RequestExpired;
        let mut notice = Self::about_request(request, kind, request.deadline, title, String::new());
        // Who approved earlier did not cause the end.
        notice.detail.by.clear();
        notice.detail.comment.clear();
        notice
    }

    /// The notice about the last change of a grant.
    #[must_use]
    pub fn of_grant(grant: &Grant) -> Self {
        let (id, access) = (grant.id, break_glass(grant));
        match (&grant.reviewed, &grant.closed) {
            (Some(review), _) => {
                let title = format!("{} reviewed {access}", inert(&review.by.user));
                let kind = NoticeKind::GrantReviewed;
                Self::about_grant(grant, kind, review.at, None, title, String::new()).by(review)
            }
            (None, Some(closing)) => {
                let title = format!("{} closed {access}", inert(&closing.by.user));
                let (kind, next) = (NoticeKind::GrantClosed, review(grant));
                let due = grant.review_due;
                Self::about_grant(grant, kind, closing.at, due, title, next).by(closing)
            }
            (None, None) => {
                let (user, profile) = (inert(&grant.holder.user), inert(grant.profile.as_str()));
                let code = inert(&grant.reason_code);
                let until = rfc3339::seconds(grant.expires);
                let title =
                    format!("{user} opened break-glass access to {profile} ({code}) until {until}");
                let next = format!("To end it: sentinel break-glass close {id}");
                let (kind, until) = (NoticeKind::GrantOpened, Some(grant.expires));
                Self::about_grant(grant, kind, grant.created, until, title, next)
            }
        }
    }

    /// The notice that a grant ended.
    #[must_use]
    pub fn of_expired_grant(grant: &Grant) -> Self {
        let title = format!("The end of {} was reached", break_glass(grant));
        let (kind, due, next) = (NoticeKind::GrantExpired, grant.review_due, review(grant));
        Self::about_grant(grant, kind, grant.expires, due, title, next)
    }

    /// The notice that the review of a grant is overdue. `None` if no review is due.
    #[must_use]
    pub fn of_overdue_review(grant: &Grant) -> Option<Self> {
        let due = grant.review_due?;
        let title = format!("The review of {} is overdue", break_glass(grant));
        let next = format!("To review: sentinel break-glass review {}", grant.id);
        Some(Self::about_grant(grant, NoticeKind::ReviewOverdue, due, None, title, next))
    }

    /// The notice as the JSON of an event: `source`, `detail-type` and `detail`.
    ///
    /// # Errors
    /// As those of the serializer.
    pub fn event_json(&self) -> serde_json::Result<String> {
        let Self { kind, detail } = self;
        let detail_type = kind.detail_type();
        serde_json::to_string(&NoticeEvent { source: SOURCE, detail_type, detail })
    }

    fn about_request(
        request: &AccessRequest,
        kind: NoticeKind,
        at: DateTime<Utc>,
        title: String,
        next: String,
    ) -> Self {
        let last = request.decided.last();
        let comment = last.and_then(|decision| decision.comment.as_deref());
        let mut detail = NoticeDetail::new(kind, request.id.to_string(), &request.requester);
        detail.profile = name(request.profile.as_str());
        detail.role_arn = name(&request.role_arn);
        detail.rule = inert(&request.rule);
        detail.reason = inert(&request.reason);
        detail.ticket = request.ticket.as_deref().map(inert).unwrap_or_default();
        detail.duration = length(request.duration_s.into());
        detail.at = rfc3339::seconds(at);
        detail.until = request.live_until().map(rfc3339::seconds).unwrap_or_default();
        detail.by = last.map(|decision| name(&decision.by.user)).unwrap_or_default();
        detail.comment = comment.map(inert).unwrap_or_default();
        detail.title = title;
        detail.next = next;
        Self { kind, detail }
    }

    fn about_grant(
        grant: &Grant,
        kind: NoticeKind,
        at: DateTime<Utc>,
        until: Option<DateTime<Utc>>,
        title: String,
        next: String,
    ) -> Self {
        let mut detail = NoticeDetail::new(kind, grant.id.to_string(), &grant.holder);
        detail.profile = name(grant.profile.as_str());
        detail.role_arn = name(&grant.role_arn);
        detail.rule = inert(&grant.rule);
        detail.reason = inert(&grant.justification);
        detail.reason_code = inert(&grant.reason_code);
        detail.duration = length((grant.expires - grant.created).num_seconds());
        detail.at = rfc3339::seconds(at);
        detail.until = until.map(rfc3339::seconds).unwrap_or_default();
        detail.title = title;
        detail.next = next;
        Self { kind, detail }
    }

    fn by(mut self, note: &GrantNote) -> Self {
        self.detail.by = name(&note.by.user);
        self.detail.comment = note.comment.as_deref().map(inert).unwrap_or_default();
        self
    }
}

/// The access that a request is about: `production for 1h`.
fn access(request: &AccessRequest) -> String {
    let profile = inert(request.profile.as_str());
    format!("{profile} for {}", length(request.duration_s.into()))
}

fn break_glass(grant: &Grant) -> String {
    let (user, profile) = (inert(&grant.holder.user), inert(grant.profile.as_str()));
    format!("{user}'s break-glass access to {profile}")
}

/// How an operator reviews the grant. Empty if no review is needed.
fn review(grant: &Grant) -> String {
    let id = grant.id;
    match grant.review_due.filter(|_| grant.needs_review()) {
        Some(due) => {
            let due = rfc3339::seconds(due);
            format!("To review until {due}: sentinel break-glass review {id}")
        }
        None if grant.needs_review() => format!("To review: sentinel break-glass review {id}"),
        None => String::new(),
    }
}

impl NoticeDetail {
    /// The fields of the person, and no others.
    fn new(kind: NoticeKind, id: String, person: &Person) -> Self {
        Self {
            version: VERSION,
            key: format!("{id}:{}", kind.word()),
            id,
            user: name(&person.user),
            account: name(person.account.as_str()),
            principal: name(&person.principal),
            profile: String::new(),
            role_arn: String::new(),
            rule: String::new(),
            reason: String::new(),
            reason_code: String::new(),
            ticket: String::new(),
            duration: String::new(),
            at: String::new(),
            until: String::new(),
            by: String::new(),
            comment: String::new(),
            title: String::new(),
            next: String::new(),
        }
    }
}

/// A length in seconds, as in policies: `1h30m`.
fn length(seconds: i64) -> String {
    let units = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let text: String = units
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, unit)| format!("{number}{unit}"))
        .collect();
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_written_as_in_policies() {
        let texts = [0, 90, 3600, 5400, 90_061].map(length);
        assert_eq!(texts, ["0s", "1m30s", "1h", "1h30m", "25h1m1s"]);
    }
}
