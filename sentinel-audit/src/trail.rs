//! What happened to approvals, grants and sessions: the events that other answers need.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sentinel_store::{DecisionRecord, Event, EventKind};
use serde::Serialize;

/// Approvals, grants and revocations by what they concern.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    /// The events of an approval request or a grant, by its id.
    accesses: HashMap<String, Vec<Event>>,
    /// What ended sessions, by the caller key of their holder.
    ends: HashMap<String, Vec<Event>>,
}

/// What a person wrote about an approval request or a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Comment {
    /// What happened.
    pub event: EventKind,
    /// When.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// The caller key of the person.
    pub by: Option<String>,
    /// The person's words: justification, reason or comment.
    pub text: Option<String>,
    /// The ticket.
    pub ticket: Option<String>,
    /// The reason code.
    pub reason_code: Option<String>,
    /// Why the operation failed. `None` if it succeeded.
    pub code: Option<String>,
}

/// Why a caller had access.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every kind")]
pub enum Access {
    /// A rule of the policy alone.
    Policy,
    /// An approval.
    Approval {
        /// The id of the request.
        id: String,
        /// What was recorded of it, in the order of time.
        history: Vec<Comment>,
    },
    /// A break-glass grant.
    BreakGlass {
        /// The id of the grant.
        id: String,
        /// What was recorded of it, in the order of time.
        history: Vec<Comment>,
    },
}

/// What ended a session before its credentials expired.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Ended {
    /// When.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// What ended it.
    pub event: EndedBy,
    /// The caller key of the person.
    pub by: Option<String>,
    /// The person's reason.
    pub reason: Option<String>,
}

/// What ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "a reader must handle every kind")]
pub enum EndedBy {
    /// A revocation by an operator.
    Revocation,
    /// The approval was revoked.
    RequestRevoked,
    /// The grant was closed.
    BreakGlassClosed,
}

impl Trail {
    /// Whether a trail keeps an event of that kind.
    pub(crate) const fn wants(event: &Event) -> bool {
        // A refused operation changes nothing, and there can be any number of them.
        !matches!(event.event, EventKind::OperationRefused)
            && (event.approval.is_some()
                || event.break_glass.is_some()
                || matches!(event.event, EventKind::Revocation))
    }

    /// Adds an event. One that the trail does not [want](Self::wants) has no effect.
    pub(crate) fn add(&mut self, event: &Event) {
        if !Self::wants(event) {
            return;
        }
        if let Some(id) = event.approval.as_ref().or(event.break_glass.as_ref()) {
            self.accesses.entry(id.clone()).or_default().push(event.clone());
        }
        if let Some(user) = event.user.as_ref().filter(|_| EndedBy::of(event.event).is_some()) {
            self.ends.entry(user.clone()).or_default().push(event.clone());
        }
    }

    /// Why the caller of a decision had access.
    pub(crate) fn access(&self, decision: &DecisionRecord) -> Access {
        if let Some(id) = decision.approval.clone() {
            let history = self.history(&id);
            return Access::Approval { id, history };
        }
        match decision.break_glass.clone() {
            Some(id) => {
                let history = self.history(&id);
                Access::BreakGlass { id, history }
            }
            None => Access::Policy,
        }
    }

    /// What was recorded of an approval request or a grant, in the order of time.
    pub(crate) fn history(&self, id: &str) -> Vec<Comment> {
        let mut events: Vec<&Event> = self.accesses.get(id).into_iter().flatten().collect();
        events.sort_by_key(|event| event.timestamp);
        // The same record in two exports.
        events.dedup();
        without_failed(&events).into_iter().map(Comment::of).collect()
    }

    /// The first event that ended the session of a decision before that time: a revocation of its caller
    /// or of its profile, a revoked approval or a closed grant of its caller on its profile.
    ///
    /// An operation that was recorded with a code failed, and ended nothing for certain.
    pub(crate) fn ended(&self, decision: &DecisionRecord, before: DateTime<Utc>) -> Option<Ended> {
        self.ends
            .get(&decision.caller)
            .into_iter()
            .flatten()
            .filter(|event| match (&event.profile, &event.session) {
                (Some(profile), _) => *profile == decision.profile,
                (None, Some(session)) => decision.session.as_ref() == Some(session),
                (None, None) => true,
            })
            .filter(|event| event.code.is_none())
            .filter(|event| event.timestamp >= decision.timestamp && event.timestamp <= before)
            .filter_map(Ended::of)
            .min_by_key(|ended| ended.at)
    }
}

/// The events without those that are recorded again with a code: what is recorded before it is done has a
/// second line if it failed.
pub(crate) fn without_failed<'e>(events: &[&'e Event]) -> Vec<&'e Event> {
    let failed = |event: &Event| {
        event.code.is_none()
            && event.request_id.is_some()
            && events.iter().any(|other| {
                other.code.is_some()
                    && other.event == event.event
                    && other.request_id == event.request_id
            })
    };
    events.iter().copied().filter(|event| !failed(event)).collect()
}

impl EndedBy {
    /// `None` if events of that kind end no session.
    fn of(kind: EventKind) -> Option<Self> {
        let kinds = [
            (EventKind::Revocation, Self::Revocation),
            (EventKind::RequestRevoked, Self::RequestRevoked),
            (EventKind::BreakGlassClosed, Self::BreakGlassClosed),
        ];
        kinds.into_iter().find(|(one, _)| *one == kind).map(|(_, ended)| ended)
    }
}

impl Comment {
    pub(crate) fn of(event: &Event) -> Self {
        Self {
            event: event.event,
            at: event.timestamp,
            by: event.by.clone(),
            text: event.reason.clone(),
            ticket: event.ticket.clone(),
            reason_code: event.reason_code.clone(),
            code: event.code.clone(),
        }
    }
}

impl Ended {
    /// `None` if events of that kind end no session.
    fn of(event: &Event) -> Option<Self> {
        let kind = EndedBy::of(event.event)?;
        Some(Self {
            at: event.timestamp,
            event: kind,
            by: event.by.clone(),
            reason: event.reason.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A vend without an approval, on `production` by alice.
    fn vend() -> DecisionRecord {
        let line = r#"{"timestamp":"2026-01-25T12:00:00Z","user":"alice","profile":"production",
            "effect":"allow","code":"OK","request_id":"1","account":"111122223333",
            "principal":"arn:aws:iam::111122223333:user/alice","caller":"alice","mode":"server",
            "policy_stale":false,"withheld":false,"latency_ms":1,"session":"second"}"#;
        serde_json::from_str(line).unwrap()
    }

    fn ended_by(event: EventKind, change: impl Fn(Event) -> Event) -> Option<EndedBy> {
        let at = "2026-01-25T12:10:00Z".parse().unwrap();
        let mut trail = Trail::default();
        trail.add(&change(Event::new(event, at).with_user("alice".to_owned())));
        trail.ended(&vend(), DateTime::<Utc>::MAX_UTC).map(|ended| ended.event)
    }

    #[test]
    fn every_session_of_the_caller_on_the_profile_ends() {
        let on = |profile: &'static str| move |event: Event| event.with_profile(profile.to_owned());
        for profile in ["production", "staging"] {
            let ends = profile == "production";
            // It names another session, which selects the profile.
            let revoked = ended_by(EventKind::Revocation, |event| {
                on(profile)(event).with_session("first".to_owned())
            });
            assert_eq!(revoked.is_some(), ends);
            let closed = ended_by(EventKind::BreakGlassClosed, |event| {
                on(profile)(event).with_break_glass("g-1".to_owned())
            });
            assert_eq!(closed.is_some(), ends);
            let withdrawn = ended_by(EventKind::RequestRevoked, |event| {
                on(profile)(event).with_approval("r-1".to_owned())
            });
            assert_eq!(withdrawn.is_some(), ends);
        }
        assert_eq!(ended_by(EventKind::Revocation, |event| event), Some(EndedBy::Revocation));
        let failed = |event: Event| event.with_code("STORE_UNAVAILABLE".to_owned());
        assert_eq!(ended_by(EventKind::Revocation, failed), None);
        assert_eq!(ended_by(EventKind::Reinstatement, |event| event), None);
    }

    #[test]
    fn an_approval_that_failed_is_not_in_the_history() {
        let mut trail = Trail::default();
        let approved = |by: &str, code: Option<&str>| {
            Event::new(EventKind::RequestApproved, DateTime::UNIX_EPOCH)
                .with_approval("r-1".to_owned())
                .with_by(by.to_owned())
                .with_request_id(format!("by-{by}"))
                .with_code(code.map(str::to_owned))
        };
        trail.add(&approved("mallory", None));
        trail.add(&approved("mallory", Some("STORE_UNAVAILABLE")));
        trail.add(&approved("bob", None));
        let succeeded: Vec<_> = trail
            .history("r-1")
            .into_iter()
            .filter(|comment| comment.code.is_none())
            .filter_map(|comment| comment.by)
            .collect();
        assert_eq!(succeeded, ["bob"]);
    }
}
