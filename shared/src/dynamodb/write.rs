//! Conditional writes: one call to DynamoDB each, which says done, or refused and what stood there.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use crate::error::{ItemTooLarge, Rejected, Throttled};
use crate::item::{Item, LAST_GENERATION, number, text};
use crate::{Error, LockId, RequestKey, SessionId, SessionStore, Timestamp};

/// The codes by which DynamoDB says that it was too much: for the table or a part of it, or for the
/// account. Source: the DynamoDB developer guide, "Error handling with DynamoDB".
const THROTTLES: [&str; 3] =
    ["ProvisionedThroughputExceededException", "ThrottlingException", "RequestLimitExceeded"];

/// The codes by which DynamoDB says that it will not, and would not the next time either: to somebody
/// who may not, for a table that is not there, to what is no request.
const REJECTIONS: [&str; 3] =
    ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"];

/// What DynamoDB made of a conditional write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Written. Holds the item if the write asked for it.
    Done(Option<Item>),
    /// The condition did not hold, and nothing was written. Holds the item that stood in the way.
    Refused(Option<Item>),
}

/// What the `:name`s of an expression stand for. May hold more than one expression uses.
pub(crate) struct Values(HashMap<&'static str, AttributeValue>);

impl Values {
    pub(crate) fn at(now: Timestamp) -> Self {
        Self(HashMap::from([
            (":now", text(now)),
            (":unlocked", number(0)),
            (":locked", number(1)),
            (":zero", number(0)),
            (":one", number(1)),
            (":last", number(LAST_GENERATION)),
            (":clock", number(now.as_millis())),
        ]))
    }

    pub(crate) fn with(mut self, name: &'static str, value: AttributeValue) -> Self {
        self.0.insert(name, value);
        self
    }

    pub(crate) fn key(self, key: &RequestKey) -> Self {
        self.with(":key", text(key))
    }

    pub(crate) fn lock(self, lock: &LockId) -> Self {
        self.with(":lock", text(lock.key)).with(":generation", number(lock.generation))
    }

    /// Those that the expressions use: DynamoDB refuses a request with others.
    pub(crate) fn used_in(&self, expressions: &str) -> HashMap<String, AttributeValue> {
        tokens(expressions, ':')
            .filter_map(|token| Some((token.to_owned(), self.0.get(token)?.clone())))
            .collect()
    }
}

/// The words of an expression that begin with `sign`.
fn tokens(expression: &str, sign: char) -> impl Iterator<Item = &str> {
    expression
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '#' && c != ':')
        .filter(move |token| token.starts_with(sign))
}

impl SessionStore {
    /// What the `#Name`s of the expressions stand for: the attribute `Name`. Names are never written
    /// out in an expression, because DynamoDB reserves hundreds of words.
    pub(crate) fn names(&self, expressions: &str) -> HashMap<String, String> {
        tokens(expressions, '#')
            .map(|token| {
                let name = match (token, &self.settings.ttl) {
                    ("#Ttl", Some(ttl)) => &ttl.attribute,
                    ("#Key", _) => &self.settings.hash_key,
                    (other, _) => &other[1..],
                };
                (token.to_owned(), name.to_owned())
            })
            .collect()
    }

    /// The hash key, with its value.
    pub(crate) fn key(&self, id: &SessionId) -> (String, AttributeValue) {
        (self.settings.hash_key.clone(), text(id.key()))
    }

    pub(crate) async fn update(
        &self,
        id: &SessionId,
        update: &str,
        condition: &str,
        values: &Values,
        returning: ReturnValue,
    ) -> Result<Outcome, Error> {
        let (key, value) = self.key(id);
        let expressions = format!("{update} {condition}");
        let request = self
            .client
            .update_item()
            .table_name(&self.settings.table)
            .key(key, value)
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(self.names(&expressions)))
            .set_expression_attribute_values(Some(values.used_in(&expressions)))
            .return_values(returning)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => {
                self.purse.write(output.consumed_capacity());
                Ok(Outcome::Done(output.attributes.map(Item)))
            }
            Err(error) => self.refused("UpdateItem", error, |error| match error {
                UpdateItemError::ConditionalCheckFailedException(refused) => Some(refused),
                _ => None,
            }),
        }
    }

    /// Replaces the whole item; `Done` holds the one that stood there.
    pub(crate) async fn put(
        &self,
        id: &SessionId,
        mut item: HashMap<String, AttributeValue>,
        condition: &str,
        values: &Values,
    ) -> Result<Outcome, Error> {
        item.extend([self.key(id)]);
        let request = self
            .client
            .put_item()
            .table_name(&self.settings.table)
            .set_item(Some(item))
            .condition_expression(condition)
            .set_expression_attribute_names(Some(self.names(condition)))
            .set_expression_attribute_values(Some(values.used_in(condition)))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => {
                self.purse.write(output.consumed_capacity());
                Ok(Outcome::Done(output.attributes.map(Item)))
            }
            Err(error) => self.refused("PutItem", error, |error| match error {
                PutItemError::ConditionalCheckFailedException(refused) => Some(refused),
                _ => None,
            }),
        }
    }

    pub(crate) async fn delete(
        &self,
        id: &SessionId,
        condition: &str,
        values: &Values,
    ) -> Result<Outcome, Error> {
        let (key, value) = self.key(id);
        let request = self
            .client
            .delete_item()
            .table_name(&self.settings.table)
            .key(key, value)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(self.names(condition)))
            .set_expression_attribute_values(Some(values.used_in(condition)))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match request.send().await {
            Ok(output) => {
                self.purse.write(output.consumed_capacity());
                Ok(Outcome::Done(None))
            }
            Err(error) => self.refused("DeleteItem", error, |error| match error {
                DeleteItemError::ConditionalCheckFailedException(refused) => Some(refused),
                _ => None,
            }),
        }
    }

    /// The whole item, as the last acknowledged write left it.
    pub(crate) async fn get(&self, id: &SessionId) -> Result<Option<Item>, Error> {
        let (key, value) = self.key(id);
        let request = self
            .client
            .get_item()
            .table_name(&self.settings.table)
            .key(key, value)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match request.consistent_read(true).send().await {
            Ok(output) => {
                self.purse.read(output.consumed_capacity());
                Ok(output.item.map(Item))
            }
            Err(error) => Err(self.failed("GetItem", error)),
        }
    }

    /// Tells a refusal from a failure.
    fn refused<E>(
        &self,
        operation: &'static str,
        error: SdkError<E>,
        condition: impl Fn(&E) -> Option<&ConditionalCheckFailedException>,
    ) -> Result<Outcome, Error>
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        match error.as_service_error().and_then(condition) {
            Some(refused) => {
                self.purse.refused_write(refused.item());
                Ok(Outcome::Refused(refused.item.clone().map(Item)))
            }
            None => Err(self.failed(operation, error)),
        }
    }

    /// The failure of a call.
    pub(crate) fn failed<E>(&self, operation: &'static str, error: SdkError<E>) -> Error
    where
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.purse.failed();
        // DynamoDB has no code of its own for this, only the message.
        let too_large = error.code() == Some("ValidationException")
            && error.message().is_some_and(|message| message.starts_with("Item size"));
        if too_large {
            let source = Box::new(ItemTooLarge(Box::new(error)));
            return Error::DynamoDb { operation, source };
        }
        if error.code().is_some_and(|code| THROTTLES.contains(&code)) {
            return Error::DynamoDb { operation, source: Box::new(Throttled(Box::new(error))) };
        }
        if error.code().is_some_and(|code| REJECTIONS.contains(&code)) {
            return Error::DynamoDb { operation, source: Box::new(Rejected(Box::new(error))) };
        }
        Error::DynamoDb { operation, source: Box::new(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition;

    #[test]
    fn an_expression_is_sent_with_the_values_it_uses_and_no_others() {
        let values = Values::at(Timestamp::from_millis(0).unwrap());

        let used = values.used_in(condition::UNLOCKED);

        assert_eq!(used.keys().collect::<Vec<_>>(), [":unlocked"]);
    }
}
