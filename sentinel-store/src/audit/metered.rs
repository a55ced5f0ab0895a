//! Metrics next to the records that they count.

use super::{AuditError, AuditSink, EventKind, Metrics, Record, RecordedEffect};

/// A sink that writes a line of metrics after each record, in CloudWatch's embedded
/// metric format, without user or profile.
///
/// The record is written first, and only its failure is an error: a missing metric does
/// not grant access.
///
/// ```
/// use sentinel_store::{JsonLines, Metered};
///
/// let sink = Metered::new(JsonLines::new(std::io::stdout()));
/// # drop(sink);
/// ```
#[derive(Debug)]
pub struct Metered<S>(S);

impl<S: AuditSink> Metered<S> {
    /// Counts the records of a sink.
    pub const fn new(inner: S) -> Self {
        Self(inner)
    }
}

impl<S: AuditSink> AuditSink for Metered<S> {
    fn write(&self, record: &Record) -> Result<(), AuditError> {
        self.0.write(record)?;
        if let Some(metrics) = counts(record) {
            self.0.write(&Record::Metrics(metrics)).ok();
        }
        Ok(())
    }
}

/// The metrics of a record. `None` if it is not counted.
fn counts(record: &Record) -> Option<Metrics> {
    let (timestamp, values) = match record {
        Record::Decision(decision) => {
            let vended = match decision.effect {
                RecordedEffect::Allow => ("Vends", 1),
                RecordedEffect::Deny | RecordedEffect::RequireApproval => ("Denials", 1),
            };
            let stale = ("StalePolicy", u64::from(decision.policy_stale));
            (decision.timestamp, vec![vended, stale])
        }
        Record::Event(event) => {
            let name = match event.event {
                EventKind::Revocation => "Revocations",
                EventKind::AuthorizerRefusal => "AuthorizerRefusals",
                // A closing that is completed again is recorded again, an opening is not.
                EventKind::BreakGlassOpened => "BreakGlassOpened",
                EventKind::Reinstatement
                | EventKind::OperationRefused
                | EventKind::IdentityRefused
                | EventKind::RequestCreated
                | EventKind::RequestApproved
                | EventKind::RequestDenied
                | EventKind::RequestCancelled
                | EventKind::RequestRevoked
                | EventKind::BreakGlassRefused
                | EventKind::BreakGlassClosed
                | EventKind::BreakGlassReviewed => return None,
            };
            (event.timestamp, vec![(name, 1)])
        }
        Record::Metrics(_) => return None,
    };
    Some(Metrics::new(timestamp, values))
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::Event;
    use crate::memory::MemorySink;

    fn event(kind: EventKind) -> Record {
        let event = Event::new(kind, chrono::DateTime::UNIX_EPOCH).with_user("alice".to_owned());
        Record::Event(Box::new(event))
    }

    #[test]
    fn a_record_is_followed_by_its_count_without_the_user() {
        let inner = Arc::new(MemorySink::new());
        let sink = Metered::new(Arc::clone(&inner));
        for kind in EventKind::ALL {
            sink.write(&event(kind)).unwrap();
        }
        let metrics: Vec<_> = inner
            .records()
            .into_iter()
            .filter_map(|record| match record {
                Record::Metrics(metrics) => Some(metrics.values),
                Record::Decision(_) | Record::Event(_) => None,
            })
            .collect();
        assert_eq!(
            metrics,
            [
                vec![("Revocations", 1)],
                vec![("AuthorizerRefusals", 1)],
                vec![("BreakGlassOpened", 1)]
            ]
        );
        let metrics = Metrics::new(chrono::DateTime::UNIX_EPOCH, vec![("Vends", 1)]);
        let line = serde_json::to_string(&Record::Metrics(metrics));
        assert!(!line.unwrap().contains("alice"));
    }

    #[test]
    fn a_failed_record_is_an_error_and_not_counted() {
        let inner = Arc::new(MemorySink::new());
        inner.set_failing(true);
        let sink = Metered::new(Arc::clone(&inner));
        assert!(sink.write(&event(EventKind::Revocation)).is_err());
        inner.set_failing(false);
        assert!(inner.records().is_empty());
    }
}
