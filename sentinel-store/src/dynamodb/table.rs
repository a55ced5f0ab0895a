//! The requests to a table: strongly consistent reads by primary key, conditional writes,
//! and queries.

use std::{collections::HashMap, num::NonZeroU32};

use aws_sdk_dynamodb::{
    Client,
    config::Builder,
    error::SdkError,
    operation::{
        get_item::{GetItem, GetItemInput, builders::GetItemInputBuilder},
        put_item::{PutItem, PutItemError, PutItemInput, builders::PutItemInputBuilder},
        query::builders::QueryFluentBuilder,
        update_item::{UpdateItem, UpdateItemInput, builders::UpdateItemInputBuilder},
    },
    types::{
        AttributeValue, ConsumedCapacity, ReturnConsumedCapacity,
        ReturnValuesOnConditionCheckFailure,
    },
};
use aws_types::SdkConfig;

use crate::{
    Location, StoreError,
    aws::{Direct, Timing, store_error, unreadable},
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

/// The condition of a write.
pub(super) enum Condition {
    /// There is no item with the key.
    Absent,
    /// There is an item with the key, and its attribute has this value.
    Equal(&'static str, AttributeValue),
}

/// The result of a conditional write.
pub(super) enum Put {
    /// The condition was true, and the item is written.
    Written,
    /// The condition was false. Contains the stored item, if there is one and the service
    /// returns it.
    Refused(Option<Item>),
}

/// Items of a query, and the key after which the next ones begin.
pub(super) struct Found {
    pub(super) items: Vec<Item>,
    pub(super) last: Option<Item>,
}

#[derive(Clone, Debug)]
pub(super) struct Table {
    config: SdkConfig,
    direct: Direct<Client>,
    name: String,
}

impl Table {
    pub(super) fn new(config: &SdkConfig, name: String, timing: Timing) -> Self {
        let client = |observer| {
            let builder = Builder::from(config)
                .timeout_config(timing.timeouts())
                .retry_config(timing.retries())
                .interceptor(observer);
            Client::from_conf(builder.build())
        };
        let with_retries = |client: &Client, timing: Timing| {
            let builder = client.config().to_builder().retry_config(timing.retries());
            Client::from_conf(builder.build())
        };
        Self { config: config.clone(), direct: Direct::new(timing, client, with_retries), name }
    }

    /// The same table, with other timeouts and retries.
    pub(super) fn with_timing(self, timing: Timing) -> Self {
        Self::new(&self.config, self.name, timing)
    }

    pub(super) const fn client(&self) -> &Client {
        self.direct.client()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The table, for messages.
    pub(super) fn location(&self) -> Location {
        Location::new(format_args!("the DynamoDB table `{}`", self.name))
    }

    /// Reads an item, strongly consistent.
    pub(super) async fn get(&self, key: Key) -> Result<Option<Item>, StoreError> {
        let input = GetItemInput::builder()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .consistent_read(true)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let send = |input: GetItemInputBuilder, client| input.send_with(client);
        let answer = self
            .direct
            .call(&GetItem::new(), input, GetItemInputBuilder::build, send)
            .await
            .map_err(|error| store_error("GetItem", &error))?;
        check_response("GetItem", answer.consumed_capacity)?;
        Ok(answer.item)
    }

    /// Writes an item if the condition is true. `Conflict` if it is false.
    pub(super) async fn put(&self, item: Item, condition: Condition) -> Result<(), StoreError> {
        match self.put_or_return(item, condition).await? {
            Put::Written => Ok(()),
            Put::Refused(_) => Err(StoreError::conflict()),
        }
    }

    /// Writes an item if the condition is true. If it is false, the response contains the
    /// stored item, which costs no read capacity
    /// (`ReturnValuesOnConditionCheckFailure` in the API reference of DynamoDB).
    pub(super) async fn put_or_return(
        &self,
        item: Item,
        condition: Condition,
    ) -> Result<Put, StoreError> {
        let input = PutItemInput::builder()
            .table_name(&self.name)
            .set_item(Some(item))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        let input = match condition {
            Condition::Absent => input
                .condition_expression("attribute_not_exists(#pk)")
                .expression_attribute_names("#pk", "pk"),
            Condition::Equal(name, value) => input
                .condition_expression("#seen = :seen")
                .expression_attribute_names("#seen", name)
                .expression_attribute_values(":seen", value),
        };
        let send = |input: PutItemInputBuilder, client| input.send_with(client);
        match self.direct.call(&PutItem::new(), input, PutItemInputBuilder::build, send).await {
            Ok(answer) => {
                check_response("PutItem", answer.consumed_capacity)?;
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

    /// Sets `record.<field>` and the name of the write, if the last write is still `seen`.
    /// `Conflict` otherwise.
    pub(super) async fn set(
        &self,
        key: Key,
        (field, value): (&str, AttributeValue),
        seen: &str,
        write: &str,
    ) -> Result<(), StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let input = UpdateItemInput::builder()
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
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.update(input).await
    }

    /// Adds one to the count of an item that is removed after `ttl`. `Conflict` if the count has
    /// reached `limit`. A count that is not a number has reached it.
    pub(super) async fn count(
        &self,
        key: Key,
        limit: NonZeroU32,
        ttl: i64,
    ) -> Result<(), StoreError> {
        let number = |number: i64| AttributeValue::N(number.to_string());
        let input = UpdateItemInput::builder()
            .table_name(&self.name)
            .set_key(Some(key.into_item()))
            .update_expression("ADD #count :one SET #ttl = :ttl")
            .condition_expression("attribute_not_exists(#count) OR #count < :limit")
            .expression_attribute_names("#count", "count")
            .expression_attribute_names("#ttl", "ttl")
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(i64::from(limit.get())))
            .expression_attribute_values(":ttl", number(ttl))
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        self.update(input).await
    }

    async fn update(&self, input: UpdateItemInputBuilder) -> Result<(), StoreError> {
        let send = |input: UpdateItemInputBuilder, client| input.send_with(client);
        let answer = self
            .direct
            .call(&UpdateItem::new(), input, UpdateItemInputBuilder::build, send)
            .await
            .map_err(|error| store_error("UpdateItem", &error))?;
        check_response("UpdateItem", answer.consumed_capacity)
    }

    /// A query of this table, for [`find`](Self::find).
    pub(super) fn query(&self) -> QueryFluentBuilder {
        self.client().query().table_name(&self.name)
    }

    /// Sends a query and returns one page.
    pub(super) async fn find(query: QueryFluentBuilder) -> Result<Found, StoreError> {
        let answer = query
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| store_error("Query", &error))?;
        check_response("Query", answer.consumed_capacity)?;
        Ok(Found { items: answer.items.unwrap_or_default(), last: answer.last_evaluated_key })
    }
}

/// Checks that a response is complete. For the SDK, an empty response is one without an
/// item: a missing gate, which is an open one. DynamoDB returns the consumed capacity if
/// requested, so a response without it is not one of DynamoDB.
fn check_response(
    operation: &'static str,
    consumed: Option<ConsumedCapacity>,
) -> Result<(), StoreError> {
    consumed.map(|_| ()).ok_or_else(|| unreadable(operation))
}
