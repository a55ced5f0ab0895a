//! Who held live credentials of a profile at a time, and by whose decision.

use chrono::{DateTime, Utc};
use sentinel_store::{DecisionRecord, PolicyUsed, RecordedEffect};
use serde::Serialize;

use crate::Line;
use crate::trail::{Access, Ended, Trail};

/// The question.
#[derive(Debug)]
pub struct Who {
    profile: String,
    at: DateTime<Utc>,
    vended: Vec<DecisionRecord>,
    trail: Trail,
}

/// One caller who held credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Holder {
    /// The caller's name as policies evaluate it.
    pub user: String,
    /// The caller key.
    pub caller: String,
    /// The ARN of the caller's principal.
    pub principal: String,
    /// The handle of the session.
    pub session: Option<String>,
    /// The access key id of the credentials.
    pub access_key_id: Option<String>,
    /// When they were issued.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize")]
    pub since: DateTime<Utc>,
    /// When they expire.
    #[serde(serialize_with = "sentinel_wire::rfc3339::serialize_option")]
    pub until: Option<DateTime<Utc>>,
    /// The rule that allowed them.
    pub rule: Option<String>,
    /// The document that contains the rule.
    pub policy: Option<PolicyUsed>,
    /// Why the caller had access.
    pub access: Access,
    /// What ended the session until then. AWS accepts the credentials of an ended session until they
    /// expire or are denied there; only an API behind the authorizer refuses them.
    pub ended: Option<Ended>,
    /// The request id of the decision.
    pub request_id: String,
}

impl Who {
    /// Who held credentials of a profile at that time?
    #[must_use]
    pub fn new(profile: impl Into<String>, at: DateTime<Utc>) -> Self {
        Self { profile: profile.into(), at, vended: Vec::new(), trail: Trail::default() }
    }

    /// Whether the answer depends on a line.
    #[must_use]
    pub fn wants(&self, line: &Line) -> bool {
        match line {
            Line::Decision(decision) => {
                decision.effect == RecordedEffect::Allow
                    && decision.profile == self.profile
                    && decision.timestamp <= self.at
                    && decision.expiration.is_none_or(|end| self.at < end)
            }
            Line::Event(event) => Trail::wants(event),
            Line::Other | Line::Unreadable(_) => false,
        }
    }

    /// Adds a line that the question [wants](Self::wants).
    pub fn add(&mut self, line: Line) {
        match line {
            Line::Decision(decision) => self.vended.push(*decision),
            Line::Event(event) => self.trail.add(&event),
            Line::Other | Line::Unreadable(_) => {}
        }
    }

    /// The answer, in the order of time.
    #[must_use]
    pub fn answer(mut self) -> Vec<Holder> {
        self.vended.sort_by(|a, b| (a.timestamp, &a.request_id).cmp(&(b.timestamp, &b.request_id)));
        // The same record in two exports.
        self.vended.dedup();
        let holder = |decision: DecisionRecord| Holder {
            access: self.trail.access(&decision),
            ended: self.trail.ended(&decision, self.at),
            user: decision.user,
            caller: decision.caller,
            principal: decision.principal,
            session: decision.session,
            access_key_id: decision.access_key_id,
            since: decision.timestamp,
            until: decision.expiration,
            rule: decision.rule,
            policy: decision.policy,
            request_id: decision.request_id,
        };
        self.vended.into_iter().map(holder).collect()
    }
}
