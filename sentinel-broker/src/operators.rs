//! What a caller may do as an operator: by `SENTINEL_OPERATORS`, or by `operators` in the main
//! policy document.

use sentinel_policy::Operation;
use sentinel_store::{EventKind, GrantId, RequestId};

use crate::broker::Broker;
use crate::call::Call;
use crate::denial::Denial;
use crate::identity::Caller;

/// The request or the grant that a refused operation was about.
#[derive(Debug, Default)]
pub(crate) struct RecordId {
    approval: Option<String>,
    break_glass: Option<String>,
}

impl From<&RequestId> for RecordId {
    fn from(id: &RequestId) -> Self {
        Self { approval: Some(id.to_string()), ..Self::default() }
    }
}

impl From<&GrantId> for RecordId {
    fn from(id: &GrantId) -> Self {
        Self { break_glass: Some(id.to_string()), ..Self::default() }
    }
}

impl Broker {
    /// Whether `caller` may do this as an operator. Operators of the settings may list, revoke and
    /// close whatever the state of the policy.
    pub(crate) async fn may(
        &self,
        call: &Call,
        caller: &Caller,
        operation: Operation,
    ) -> Result<bool, Denial> {
        if self.is_configured_operator(caller, operation) {
            return Ok(true);
        }
        let main = self.policies.main(call).await?;
        match main {
            // A caller who reinstates must be an operator now. A stale copy may name one who is no
            // longer an operator.
            Some(main) if main.stale && operation == Operation::Reinstate => {
                Err(Denial::unavailable())
            }
            Some(main) => Ok(main.policy.may_operate(&caller.in_policy(), operation)),
            None => Ok(false),
        }
    }

    /// Whether `caller` may do anything as an operator.
    pub(crate) async fn is_operator(&self, call: &Call, caller: &Caller) -> Result<bool, Denial> {
        if Operation::ALL.into_iter().any(|it| self.is_configured_operator(caller, it)) {
            return Ok(true);
        }
        let main = self.policies.main(call).await?;
        Ok(main.is_some_and(|main| {
            Operation::ALL.into_iter().any(|it| main.policy.may_operate(&caller.in_policy(), it))
        }))
    }

    /// Whether the caller may do this as an operator. If the policy cannot be read, only operators of
    /// the settings may.
    pub(crate) async fn may_as_operator(
        &self,
        call: &Call,
        caller: &Caller,
        operation: Operation,
    ) -> bool {
        self.may(call, caller, operation).await.unwrap_or(false)
    }

    /// Records that the caller may not do this. Returns the refusal.
    pub(crate) fn refuse_operation(
        &self,
        call: &Call,
        caller: &Caller,
        operation: &str,
        denial: Denial,
    ) -> Denial {
        self.refuse_operation_on(call, caller, operation, RecordId::default(), denial)
    }

    /// Records that the caller may not do this to a request or a grant. Returns the refusal.
    pub(crate) fn refuse_operation_on(
        &self,
        call: &Call,
        caller: &Caller,
        operation: &str,
        record: RecordId,
        denial: Denial,
    ) -> Denial {
        let event = self
            .audit
            .event(EventKind::OperationRefused, call)
            .with_by(caller.key.to_string())
            .with_principal(caller.principal.clone())
            .with_reason(operation.to_owned())
            .with_approval(record.approval)
            .with_break_glass(record.break_glass)
            .with_code(denial.code.as_str().to_owned());
        match self.audit.write_event(event) {
            Ok(()) => denial,
            Err(unwritten) => unwritten,
        }
    }

    fn is_configured_operator(&self, caller: &Caller, operation: Operation) -> bool {
        match operation {
            Operation::ListSessions
            | Operation::Revoke
            | Operation::ListRequests
            | Operation::RevokeApproval
            | Operation::ListBreakGlass
            | Operation::CloseBreakGlass => {
                self.settings.operators.iter().any(|operator| operator.matches(caller))
            }
            Operation::Reinstate | Operation::ReviewBreakGlass => false,
        }
    }
}
