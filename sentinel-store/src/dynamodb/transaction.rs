//! Writes of several items, all of them or none, and reads of several items.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        CancellationReason, KeysAndAttributes, Put, ReturnConsumedCapacity, TransactWriteItem,
    },
};

use super::{
    table::{Item, Key, Table},
    token::pause,
};
use crate::{
    StoreError,
    aws::{store_error, unreadable},
};

/// Maximum number of items in one `BatchGetItem`.
const MAX_KEYS: usize = 100;

/// Maximum number of attempts to read the keys that DynamoDB did not process.
const READ_ATTEMPTS: u32 = 8;

/// One write of a transaction. None of them deletes an item: a function that cannot delete cannot
/// erase what happened.
pub(super) struct Change {
    item: Item,
    condition: Option<Requirement>,
}

/// What must be true of the stored item, or the transaction writes nothing.
pub(super) enum Requirement {
    /// There is no item with the key.
    Absent,
    /// The item has this revision.
    Revision(u64),
    /// There is no item with the key, or it has no end, or its end is before this text, in the order
    /// of texts.
    NoneOrEndsBefore(String),
    /// There is no item with the key, or it has no end, or exactly this one.
    NoneOrEndsAt(String),
}

impl Change {
    pub(super) const fn put(item: Item) -> Self {
        Self { item, condition: None }
    }

    /// The same change, if that is true.
    pub(super) fn only_if(self, requirement: Requirement) -> Self {
        Self { condition: Some(requirement), ..self }
    }
}

/// The result of a transaction.
pub(super) enum Transaction {
    /// Every change was written.
    Written,
    /// Nothing was written, because these changes have a false condition. By their index.
    Refused(Vec<usize>),
    /// Nothing was written, because another transaction was writing one of the items. Or this
    /// transaction was sent before, and is still being written.
    Raced,
}

type Condition =
    (&'static str, &'static [(&'static str, &'static str)], Vec<(&'static str, Value)>);
type Value = aws_sdk_dynamodb::types::AttributeValue;

impl Requirement {
    /// The expression, and its names and values.
    fn condition(self) -> Condition {
        const PK: (&str, &str) = ("#pk", "pk");
        const ENDS: (&str, &str) = ("#ends", "ends");
        match self {
            Self::Absent => ("attribute_not_exists(#pk)", &[PK], Vec::new()),
            Self::Revision(revision) => (
                "#revision = :seen",
                &[("#revision", "revision")],
                vec![(":seen", Value::N(revision.to_string()))],
            ),
            Self::NoneOrEndsBefore(bound) => (
                "attribute_not_exists(#ends) OR #ends < :bound",
                &[ENDS],
                vec![(":bound", Value::S(bound))],
            ),
            Self::NoneOrEndsAt(end) => (
                "attribute_not_exists(#ends) OR #ends = :end",
                &[ENDS],
                vec![(":end", Value::S(end))],
            ),
        }
    }
}

fn write_of(table: &str, change: Change) -> Result<TransactWriteItem, StoreError> {
    let condition = change.condition.map(Requirement::condition);
    let (expression, names, values) = match condition {
        Some((expression, names, values)) => (Some(expression), Some(names), values),
        None => (None, None, Vec::new()),
    };
    let names = names.map(|names| owned(names.iter().map(|(name, of)| (*name, (*of).to_owned()))));
    let values = (!values.is_empty()).then(|| owned(values));
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(change.item))
        .set_condition_expression(expression.map(str::to_owned))
        .set_expression_attribute_names(names)
        .set_expression_attribute_values(values)
        .build();
    let put = put.map_err(|_| StoreError::Refused("the write cannot be sent".into()))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

fn owned<V>(entries: impl IntoIterator<Item = (&'static str, V)>) -> HashMap<String, V> {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Table {
    /// Writes all changes or none. `token` names this transaction: DynamoDB writes a transaction
    /// with the same token once, so that the client can send it again if it got no response
    /// (`ClientRequestToken` in the API reference of DynamoDB).
    pub(super) async fn transact(
        &self,
        changes: Vec<Change>,
        token: &str,
    ) -> Result<Transaction, StoreError> {
        const OPERATION: &str = "TransactWriteItems";
        let writes = changes.into_iter().map(|change| write_of(self.name(), change));
        let request = self
            .client()
            .transact_write_items()
            .set_transact_items(Some(writes.collect::<Result<_, _>>()?))
            .client_request_token(token)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.send().await {
            // DynamoDB returns the consumed capacity if requested, so a response without it is
            // not one of DynamoDB.
            Ok(answer) => match answer.consumed_capacity {
                Some(_) => Ok(Transaction::Written),
                None => Err(unreadable(OPERATION)),
            },
            Err(SdkError::ServiceError(answer)) => {
                if let TransactWriteItemsError::TransactionCanceledException(cancelled) =
                    answer.err()
                {
                    return cancelled_by(cancelled.cancellation_reasons());
                }
                if answer.err().is_transaction_in_progress_exception() {
                    return Ok(Transaction::Raced);
                }
                Err(store_error(OPERATION, &SdkError::ServiceError(answer)))
            }
            Err(error) => Err(store_error(OPERATION, &error)),
        }
    }

    /// Reads items, strongly consistent, in any order. The keys must differ.
    pub(super) async fn get_all(&self, keys: Vec<Key>) -> Result<Vec<Item>, StoreError> {
        let mut items = Vec::new();
        let keys: Vec<_> = keys.into_iter().map(Key::into_item).collect();
        for batch in keys.chunks(MAX_KEYS) {
            let mut left = batch.to_vec();
            for attempt in 0.. {
                if attempt == READ_ATTEMPTS {
                    return Err(StoreError::Throttled("not every item was read".into()));
                }
                if attempt > 0 {
                    tokio::time::sleep(pause(attempt)?).await;
                }
                left = self.get_batch(left, &mut items).await?;
                if left.is_empty() {
                    break;
                }
            }
        }
        Ok(items)
    }

    /// Reads items, and returns the keys of those that were not read.
    async fn get_batch(
        &self,
        keys: Vec<Item>,
        items: &mut Vec<Item>,
    ) -> Result<Vec<Item>, StoreError> {
        const OPERATION: &str = "BatchGetItem";
        let keys = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let keys = keys.map_err(|_| StoreError::Refused("the read cannot be sent".into()))?;
        let answer = self
            .client()
            .batch_get_item()
            .request_items(self.name(), keys)
            .send()
            .await
            .map_err(|error| store_error(OPERATION, &error))?;
        // DynamoDB returns both, also if they are empty. For the SDK, an empty response is one
        // without items.
        let (Some(responses), Some(left)) = (answer.responses, answer.unprocessed_keys) else {
            return Err(unreadable(OPERATION));
        };
        items.extend(responses.into_values().flatten());
        let left = left.into_values().flat_map(|keys| keys.keys);
        Ok(left.collect())
    }
}

/// Why a transaction was cancelled. There is a reason for each change, in order.
fn cancelled_by(reasons: &[CancellationReason]) -> Result<Transaction, StoreError> {
    let codes: Vec<_> = reasons.iter().map(|reason| reason.code().unwrap_or("None")).collect();
    let false_conditions: Vec<_> = (0..)
        .zip(&codes)
        .filter(|(_, code)| **code == "ConditionalCheckFailed")
        .map(|(index, _)| index)
        .collect();
    if !false_conditions.is_empty() {
        return Ok(Transaction::Refused(false_conditions));
    }
    if codes.contains(&"TransactionConflict") {
        return Ok(Transaction::Raced);
    }
    let other = codes.into_iter().find(|code| *code != "None").unwrap_or("no reason");
    let cause: String = other.chars().filter(|char| !char.is_control()).take(100).collect();
    let cause = format!("`TransactWriteItems`: cancelled: {cause}");
    match other {
        "ThrottlingError" | "ProvisionedThroughputExceeded" => {
            Err(StoreError::Throttled(cause.into()))
        }
        _ => Err(StoreError::Refused(cause.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_false_condition_counts_before_a_race_and_a_race_before_other_reasons() {
        let of = |codes: &[&str]| cancelled_by(&reasons(codes));
        assert!(matches!(
            of(&["None", "ConditionalCheckFailed", "TransactionConflict"]),
            Ok(Transaction::Refused(changes)) if changes == [1]
        ));
        assert!(matches!(of(&["None", "TransactionConflict"]), Ok(Transaction::Raced)));
        assert!(matches!(of(&["ThrottlingError", "None"]), Err(StoreError::Throttled(_))));
        assert!(matches!(
            of(&["None", "ProvisionedThroughputExceeded"]),
            Err(StoreError::Throttled(_))
        ));
        assert!(matches!(of(&["ValidationError"]), Err(StoreError::Refused(_))));
        assert!(matches!(of(&[]), Err(StoreError::Refused(_))));
    }
}
