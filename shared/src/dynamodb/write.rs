//! Conditional writes: one call to DynamoDB each. The outcome is "done", or "refused" with the item
//! that made the condition false.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::error::ConditionalCheckFailedException;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, ReturnConsumedCapacity, ReturnValue,
    ReturnValuesOnConditionCheckFailure,
};

use super::{SessionStore, Values};
use crate::error::Error;
use crate::item::Item;
use crate::values::SessionId;

/// What DynamoDB did with a conditional write.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// Written. Holds the item before or after the write, if the write asked for it.
    Done(Option<Item>),
    /// The condition was false, and nothing was written. Holds the item that made it false, or
    /// `None` if there is no item.
    Refused(Option<Item>),
}

/// The parts of a write's answer that this module reads.
type Answer = (Option<ConsumedCapacity>, Option<HashMap<String, AttributeValue>>);

impl SessionStore {
    /// Changes attributes of an item. `returning` says which image of the item `Done` holds.
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
        let sent = request.send().await;
        let answer = sent.map(|output| (output.consumed_capacity, output.attributes));
        self.outcome("UpdateItem", answer, |error| match error {
            UpdateItemError::ConditionalCheckFailedException(refused) => Some(refused),
            _ => None,
        })
    }

    /// Replaces the whole item. `Done` holds the replaced item.
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
        let sent = request.send().await;
        let answer = sent.map(|output| (output.consumed_capacity, output.attributes));
        self.outcome("PutItem", answer, |error| match error {
            PutItemError::ConditionalCheckFailedException(refused) => Some(refused),
            _ => None,
        })
    }

    /// Deletes the item. `Done` holds nothing.
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
        let answer = request.send().await.map(|output| (output.consumed_capacity, None));
        self.outcome("DeleteItem", answer, |error| match error {
            DeleteItemError::ConditionalCheckFailedException(refused) => Some(refused),
            _ => None,
        })
    }

    /// Meters what the write cost, and tells whether it was done, was refused, or failed.
    fn outcome<E>(
        &self,
        operation: &'static str,
        answer: Result<Answer, SdkError<E>>,
        refusal: impl Fn(&E) -> Option<&ConditionalCheckFailedException>,
    ) -> Result<Outcome, Error>
    where
        E: ProvideErrorMetadata,
    {
        let error = match answer {
            Ok((capacity, attributes)) => {
                self.meter.write(self.consumed(operation, capacity.as_ref())?);
                return Ok(Outcome::Done(attributes.map(Item)));
            }
            Err(error) => error,
        };
        match error.as_service_error().and_then(refusal) {
            Some(refused) => {
                self.meter.refused_write(refused.item());
                Ok(Outcome::Refused(refused.item.clone().map(Item)))
            }
            None => Err(self.failed(operation, &error)),
        }
    }
}
