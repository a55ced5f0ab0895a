//! Records of what the broker decided and did. What cannot be recorded must not be answered.

use std::sync::Arc;

use sentinel_store::{AuditSink, Causes, Clock, Event, EventKind, Record, catch_panic};

use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// The sink of a broker, and the clock that events are dated with.
#[derive(Debug)]
pub(crate) struct Audit {
    sink: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
}

impl Audit {
    pub(crate) fn new(sink: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        Self { sink, clock }
    }

    /// An event of this call, to be completed.
    pub(crate) fn event(&self, kind: EventKind, call: &Call) -> Event {
        Event::new(kind, self.clock.now()).with_request_id(call.request_id.clone())
    }

    /// An event of this call, by this caller, to be completed.
    pub(crate) fn event_by(&self, kind: EventKind, call: &Call, by: &Caller) -> Event {
        self.event(kind, call)
            .with_by(by.key.to_string())
            .with_principal(by.principal.clone())
            .with_account(by.account.to_string())
            .with_source_ip(call.source_ip.map(|address| address.to_string()))
    }

    /// Writes an event.
    pub(crate) fn write_event(&self, event: Event) -> Result<(), Denial> {
        self.write(&Record::Event(Box::new(event)))
    }

    /// Writes a record. A sink that panics has not written it either.
    pub(crate) fn write(&self, record: &Record) -> Result<(), Denial> {
        match catch_panic(|| self.sink.write(record)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::error!(cause = %Causes(&error), "failed to write a record");
                Err(Denial::unavailable())
            }
            Err(panicked) => {
                tracing::error!(cause = %panicked, "failed to write a record");
                Err(Denial::unavailable())
            }
        }
    }
}
