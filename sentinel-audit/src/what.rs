//! What one person did, or what was done about this person.

use chrono::{DateTime, Utc};
use sentinel_store::{EventKind, RecordedEffect};
use serde::Serialize;

use crate::Line;

/// The question.
#[derive(Debug)]
pub struct What {
    user: String,
    since: Option<DateTime<Utc>>,
    found: Vec<Activity>,
}

/// One decision or event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// When.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize")]
    pub at: DateTime<Utc>,
    /// For a decision, its effect.
    pub effect: Option<RecordedEffect>,
    /// For an event, its kind.
    pub event: Option<EventKind>,
    /// The caller key of the person who did it.
    pub by: Option<String>,
    /// The caller key of the affected person.
    pub user: Option<String>,
    /// The profile.
    pub profile: Option<String>,
    /// The code that was returned. `None` for an event that succeeded.
    pub code: Option<String>,
    /// The rule.
    pub rule: Option<String>,
    /// The reason of the rule, or the person's words.
    pub reason: Option<String>,
    /// The id of the approval request that was used.
    pub approval: Option<String>,
    /// The id of the break-glass grant that was used.
    pub break_glass: Option<String>,
    /// The address of the request.
    pub source_ip: Option<String>,
    /// The request id.
    pub request_id: Option<String>,
}

impl What {
    /// What did a user do, by caller key or by the name that policies evaluate, from `since` on?
    #[must_use]
    pub fn new(user: impl Into<String>, since: impl Into<Option<DateTime<Utc>>>) -> Self {
        Self { user: user.into(), since: since.into(), found: Vec::new() }
    }

    /// Whether the answer depends on a line.
    #[must_use]
    pub fn wants(&self, line: &Line) -> bool {
        let is = |name: &Option<String>| name.as_ref().is_some_and(|name| *name == self.user);
        let (at, concerned) = match line {
            Line::Decision(decision) => {
                (decision.timestamp, decision.user == self.user || decision.caller == self.user)
            }
            Line::Event(event) => (event.timestamp, is(&event.by) || is(&event.user)),
            Line::Other | Line::Unreadable(_) => return false,
        };
        concerned && self.since.is_none_or(|since| since <= at)
    }

    /// Adds a line that the question [wants](Self::wants).
    pub fn add(&mut self, line: Line) {
        let activity = match line {
            Line::Decision(decision) => Activity {
                at: decision.timestamp,
                effect: Some(decision.effect),
                event: None,
                by: Some(decision.caller.clone()),
                user: Some(decision.caller),
                profile: Some(decision.profile),
                code: Some(decision.code),
                rule: decision.rule,
                reason: decision.reason,
                approval: decision.approval,
                break_glass: decision.break_glass,
                source_ip: decision.source_ip,
                request_id: Some(decision.request_id),
            },
            Line::Event(event) => Activity {
                at: event.timestamp,
                effect: None,
                event: Some(event.event),
                by: event.by,
                user: event.user,
                profile: event.profile,
                code: event.code,
                rule: event.rule,
                reason: event.reason,
                approval: event.approval,
                break_glass: event.break_glass,
                source_ip: event.source_ip,
                request_id: event.request_id,
            },
            Line::Other | Line::Unreadable(_) => return,
        };
        self.found.push(activity);
    }

    /// The answer, in the order of time.
    #[must_use]
    pub fn answer(mut self) -> Vec<Activity> {
        self.found.sort_by(|a, b| (a.at, &a.request_id).cmp(&(b.at, &b.request_id)));
        self.found.dedup();
        self.found
    }
}
