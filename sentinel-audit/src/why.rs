//! Why a caller received, or did not receive, credentials.

use sentinel_store::{DecisionRecord, Event};
use serde::Serialize;

use crate::Line;
use crate::trail::{Access, Comment, Ended, Trail};

/// The question.
#[derive(Debug)]
pub struct Why {
    id: String,
    decisions: Vec<DecisionRecord>,
    events: Vec<Event>,
    trail: Trail,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reasons {
    /// The decisions with that id, in the order of time.
    pub decisions: Vec<Reason>,
    /// The events with that id, or with the id of that approval request or grant, in the order of time.
    pub events: Vec<Comment>,
}

/// The reasons of one decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reason {
    /// Why the caller had access.
    pub access: Access,
    /// What ended the session, at any time.
    pub ended: Option<Ended>,
    /// The record itself.
    pub record: DecisionRecord,
}

impl Why {
    /// Why was that decided? The id is that of a request, of an access key, of a session (its handle), of
    /// an approval request, or of a grant.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self { id: id.into(), decisions: Vec::new(), events: Vec::new(), trail: Trail::default() }
    }

    fn is(&self, id: Option<&String>) -> bool {
        id.is_some_and(|id| *id == self.id)
    }

    fn names(&self, line: &Line) -> bool {
        match line {
            Line::Decision(decision) => {
                decision.request_id == self.id
                    || [
                        &decision.access_key_id,
                        &decision.session,
                        &decision.sts_request_id,
                        &decision.approval,
                        &decision.break_glass,
                    ]
                    .into_iter()
                    .any(|id| self.is(id.as_ref()))
            }
            Line::Event(event) => {
                [&event.request_id, &event.session, &event.approval, &event.break_glass]
                    .into_iter()
                    .any(|id| self.is(id.as_ref()))
            }
            Line::Other | Line::Unreadable(_) => false,
        }
    }

    /// Whether the answer depends on a line.
    #[must_use]
    pub fn wants(&self, line: &Line) -> bool {
        self.names(line) || matches!(line, Line::Event(event) if Trail::wants(event))
    }

    /// Adds a line that the question [wants](Self::wants).
    pub fn add(&mut self, line: Line) {
        let named = self.names(&line);
        match line {
            Line::Decision(decision) => self.decisions.push(*decision),
            Line::Event(event) => {
                self.trail.add(&event);
                if named {
                    self.events.push(*event);
                }
            }
            Line::Other | Line::Unreadable(_) => {}
        }
    }

    /// The answer. It has neither decisions nor events if no record has the id.
    #[must_use]
    pub fn answer(mut self) -> Reasons {
        self.decisions
            .sort_by(|a, b| (a.timestamp, &a.request_id).cmp(&(b.timestamp, &b.request_id)));
        self.decisions.dedup();
        self.events.sort_by_key(|event| event.timestamp);
        self.events.dedup();
        let forever = chrono::DateTime::<chrono::Utc>::MAX_UTC;
        let decisions = self.decisions.into_iter().map(|record| Reason {
            access: self.trail.access(&record),
            ended: self.trail.ended(&record, forever),
            record,
        });
        Reasons {
            decisions: decisions.collect(),
            events: self.events.iter().map(Comment::of).collect(),
        }
    }
}
