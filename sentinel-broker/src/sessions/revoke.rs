//! Revoking: earlier sessions are refused from now on, and so are new ones, until an operator
//! reinstates or the block ends.

use std::time::Duration;

use chrono::TimeDelta;
use sentinel_policy::Operation;
use sentinel_store::{Block, GateAction};
use sentinel_wire::{ErrorCode, GateView};

use super::change::{Change, Target};
use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// A request to revoke.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoke {
    /// What to revoke.
    pub target: Target,
    /// The reason that the operator entered. The record contains all of it, the gate its first 256
    /// bytes.
    pub reason: String,
    /// How long new sessions are refused. `None` if until an operator reinstates.
    pub length: Option<Duration>,
}

impl Revoke {
    /// A request to refuse new sessions until an operator reinstates.
    #[must_use]
    pub fn new(target: Target, reason: impl Into<String>) -> Self {
        Self { target, reason: reason.into(), length: None }
    }

    /// The same request with a length, after which new sessions are allowed again.
    #[must_use]
    pub fn with_length(self, length: impl Into<Option<Duration>>) -> Self {
        Self { length: length.into(), ..self }
    }
}

impl Broker {
    /// Revokes: earlier sessions are refused from now on. New sessions are refused until an operator
    /// reinstates, or for the requested length.
    ///
    /// # Errors
    /// `FORBIDDEN` if the caller is not an operator, `NOT_FOUND` for an unknown session or without a
    /// session table, and what a failing store means. After an error the revocation may or may not
    /// have happened. Repeating it is safe.
    pub async fn revoke(
        &self,
        call: &Call,
        caller: &Caller,
        request: &Revoke,
    ) -> Result<GateView, Denial> {
        let store = self.operator(call, caller, Operation::Revoke).await?;
        let Revoke { target, reason, length } = request;
        let subject = target.resolve(call, store.as_ref()).await?;
        let at = self.now();
        let until =
            match *length {
                None => None,
                Some(length) => Some(
                    TimeDelta::from_std(length)
                        .ok()
                        .and_then(|length| at.checked_add_signed(length))
                        .ok_or_else(|| {
                            Denial::new(ErrorCode::InvalidRequest, "`for_s` is out of range")
                        })?,
                ),
            };
        let by = caller.key.to_string();
        let block = Block::new(by, at).with_reason(shortened(reason)).with_until(until);
        let action = GateAction::Revoke(block);
        self.change(call, store.as_ref(), Change { by: caller, subject, action, reason }).await
    }
}

/// The beginning of a reason, for the gate, which must stay small. The record contains all of it.
fn shortened(reason: &str) -> &str {
    const MAX_BYTES: usize = 256;
    let end = reason.floor_char_boundary(MAX_BYTES);
    reason.get(..end).unwrap_or_default()
}
