//! One table, as it is asked: by primary key and strongly consistently, and
//! written on a condition.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    error::SdkError,
    operation::{put_item::PutItemError, query::builders::QueryFluentBuilder},
    types::{
        AttributeValue, ConsumedCapacity, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure,
    },
};
use aws_types::SdkConfig;

use crate::{
    Location, StoreError,
    aws::{Timing, store_error, unreadable},
};

pub(super) type Item = HashMap<String, AttributeValue>;

/// The key of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) pk: String,
    pub(super) sk: String,
}

impl Key {
    pub(super) fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as attributes.
    pub(super) fn into_item(self) -> Item {
        [("pk", self.pk), ("sk", self.sk)]
            .map(|(name, value)| (name.to_owned(), AttributeValue::S(value)))
            .into()
    }
}

/// What must hold for a write to happen.
pub(super) enum Condition {
    /// There is no item of that key.
    Absent,
    /// There is one, with that value.
    Equal(&'static str, AttributeValue),
}

/// What became of a conditional write.
pub(super) enum Put {
    /// The condition held, and the item is written.
    Written,
    /// The condition did not hold. With it comes the item that is stored, unless
    /// there is none or the service does not return it.
    Refused(Option<Item>),
}

/// Items of a query, and after which one the rest begins.
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) last: Option<Item>,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    client: Client,
    name: String,
}

impl Table {
    pub(super) fn new(config: &SdkConfig, name: String, timing: Timing) -> Self {
        let config = Builder::from(config)
            .timeout_config(timing.timeouts())
            .retry_config(timing.retries())
            .build();
        Self { client: Client::from_conf(config), name }
    }

    /// The same, asked with other patience.
    pub(super) fn with_timing(self, timing: Timing) -> Self {
        let config = self
            .client
            .config()
            .to_builder()
            .timeout_config(timing.timeouts())
            .retry_config(timing.retries())
            .build();
        Self { client: Client::from_conf(config), ..self }
    }

    /// The table, for messages.
    pub(super) fn location(&self) -> Location {
        Location::new(format_args!("the DynamoDB table `{}`", self.name))
    }

    /// The item of that key, as the last acknowledged write left it.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let answer = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| store_error("GetItem", &error))?;
        answered("GetItem", answer.consumed_capacity)?;
        Ok(answer.item)
    }

    /// Writes the item if the condition holds; `Conflict` if it does not.
    pub(super) async fn put(&self, item: Item, condition: Condition) -> Result<(), StoreError> {
        match self.put_or_return(item, condition).await? {
            Put::Written => Ok(()),
            Put::Refused(_) => Err(StoreError::conflict()),
        }
    }

    /// Writes the item if the condition holds. If it does not, the stored item
    /// comes back with the refusal, which costs no read capacity
    /// (`ReturnValuesOnConditionCheckFailure` in the API reference of DynamoDB).
    pub(super) async fn put_or_return(
        &self,
        item: Item,
        condition: Condition,
    ) -> Result<Put, StoreError> {
        let request = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let request = match condition {
            Condition::Absent => request
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", "pk"),
            Condition::Equal(name, value) => request
                .condition_expression("#seen = :seen")
                .expression_attribute_names("#seen", name)
                .expression_attribute_values(":seen", value),
        };
        match request.send().await {
            Ok(answer) => {
                answered("PutItem", answer.consumed_capacity)?;
                Ok(Put::Written)
            }
            Err(SdkError::ServiceError(answer)) => {
                if let PutItemError::ConditionalCheckFailedException(refused) = answer.err() {
                    return Ok(Put::Refused(refused.item.clone()));
                }
                Err(store_error("PutItem", &SdkError::ServiceError(answer)))
            }
            Err(error) => Err(store_error("PutItem", &error)),
        }
    }

    /// Sets `record.<field>` and the name of the write, if the last write is
    /// still the one that was seen; `Conflict` otherwise.
    pub(super) async fn set(
        &self,
        key: Key,
        (field, value): (&str, AttributeValue),
        seen: &str,
        write: &str,
    ) -> Result<(), StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let answer = self
            .client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .update_expression("SET #record.#field = :value, #write = :write")
            .condition_expression("#write = :seen")
            .expression_attribute_names("#record", "record")
            .expression_attribute_names("#field", field)
            .expression_attribute_names("#write", "write")
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":write", text(write))
            .expression_attribute_values(":seen", text(seen))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| store_error("UpdateItem", &error))?;
        answered("UpdateItem", answer.consumed_capacity)
    }

    /// A query of this table, to be asked by [`find`](Self::find).
    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client.query().table_name(&self.name)
    }

    /// One page of what a query finds.
    pub(super) async fn find(query: QueryFluentBuilder) -> Result<Found, StoreError> {
        let answer = query
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| store_error("Query", &error))?;
        answered("Query", answer.consumed_capacity)?;
        Ok(Found { items: answer.items.unwrap_or_default(), last: answer.last_evaluated_key })
    }
}

/// DynamoDB says what each call consumed when it is asked to. To the SDK an empty
/// answer is one without an item: a missing gate, which would be an open one. So
/// an answer that does not say what it consumed is none.
fn answered(operation: &'static str, consumed: Option<ConsumedCapacity>) -> Result<(), StoreError> {
    consumed.map(|_| ()).ok_or_else(|| unreadable(operation))
}
