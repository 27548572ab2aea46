//! Some calls of AWS's provider, with DynamoDB's legacy parameters, as they were recorded.

use aws_sdk_dynamodb::types::{
    AttributeAction, AttributeValue, AttributeValueUpdate, ExpectedAttributeValue, ReturnValue,
};
use session_store::RequestTime;

use super::Table;

fn put(value: AttributeValue) -> AttributeValueUpdate {
    AttributeValueUpdate::builder().action(AttributeAction::Put).value(value).build()
}

fn text(text: impl ToString) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

fn number(number: impl ToString) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn in_20_minutes(time: RequestTime) -> AttributeValue {
    text(time.now + std::time::Duration::from_secs(20 * 60))
}

fn update(
    table: &Table,
) -> aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder {
    table.client.update_item().table_name(table.name()).key("SessionId", text("s1"))
}

/// The first call of GetItemExclusive. [`reset_flag`] is the second one.
pub(crate) async fn lock(table: &Table, lock_id: &str, time: RequestTime) -> bool {
    let expected = ExpectedAttributeValue::builder().exists(true).value(number(0)).build();
    let request = update(table)
        .attribute_updates("LockId", put(text(lock_id)))
        .attribute_updates("Locked", put(number(1)))
        .attribute_updates("LockDate", put(text(time.now)))
        .expected("Locked", expected)
        .return_values(ReturnValue::AllNew);
    request.send().await.is_ok()
}

/// The second call of GetItemExclusive and of GetItem, for an uninitialized item.
pub(crate) async fn reset_flag(table: &Table) {
    update(table).attribute_updates("Flags", put(number(0))).send().await.unwrap();
}

/// The call of SetAndReleaseItemExclusive for an existing session.
pub(crate) async fn store(table: &Table, lock_id: &str, items: &str, time: RequestTime) -> bool {
    let expected = ExpectedAttributeValue::builder().exists(true).value(text(lock_id)).build();
    let gone = AttributeValueUpdate::builder().action(AttributeAction::Delete).build();
    let request = update(table)
        .attribute_updates("Locked", put(number(0)))
        .attribute_updates("LockId", gone)
        .attribute_updates("LockDate", put(text(time.now)))
        .attribute_updates("Expires", put(in_20_minutes(time)))
        .attribute_updates("Flags", put(number(0)))
        .attribute_updates("SessionItems", put(text(items)))
        .attribute_updates("Ver", put(text(1)))
        .expected("LockId", expected);
    request.send().await.is_ok()
}

/// The call of ResetItemTimeout.
pub(crate) async fn touch(table: &Table, time: RequestTime) {
    let request = update(table)
        .attribute_updates("Locked", put(number(0)))
        .attribute_updates("Expires", put(in_20_minutes(time)));
    request.send().await.unwrap();
}
