//! Three ways to sweep a table: our sweep, the bare calls that it needs, and AWS's provider.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{
    AttributeValue, ComparisonOperator, Condition, DeleteRequest, ReturnConsumedCapacity,
    ReturnValuesOnConditionCheckFailure, WriteRequest,
};
use futures_util::{StreamExt, stream};
use session_store::{SweepOptions, SweepProgress};

use super::site::{TABLE, now, sessions};

/// The calls and the capacity units that a sweep needed.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Needed {
    pub(crate) calls: u64,
    pub(crate) read_units: f64,
    pub(crate) write_units: f64,
    pub(crate) deleted: u64,
}

pub(crate) async fn ours(url: &str) -> Needed {
    let progress = SweepProgress::default();
    // One segment, because the embedded DynamoDB reads the whole table for each segment.
    let sweep = sessions(url).sweep(&SweepOptions::default(), &progress, now()).await.unwrap();
    assert!(sweep.complete);
    Needed {
        calls: sweep.calls,
        read_units: sweep.read_units,
        write_units: sweep.write_units,
        deleted: sweep.deleted,
    }
}

/// A plain scan and plain deletes, without a budget and without a position. A page has at most
/// `limit` items. Without a limit DynamoDB chooses the size, and the embedded DynamoDB then reads
/// the rest of the table for each page. If `safe`, each delete has the condition that makes it
/// safe.
pub(crate) async fn bare(client: &Client, limit: Option<i32>, safe: bool) -> Needed {
    let mut needed = Needed::default();
    let mut pages = client
        .scan()
        .table_name(TABLE)
        // The same items as in our sweep, which spares locked sessions.
        .filter_expression("Expires <= :now AND Locked = :no")
        .projection_expression("SessionId")
        .set_limit(limit)
        .expression_attribute_values(":now", AttributeValue::S(now().to_string()))
        .expression_attribute_values(":no", AttributeValue::N("0".to_owned()))
        .return_consumed_capacity(ReturnConsumedCapacity::Total)
        .into_paginator()
        .send();
    while let Some(page) = pages.next().await {
        let page = page.unwrap();
        needed.calls += 1;
        needed.read_units += page.consumed_capacity.unwrap().capacity_units.unwrap();
        let deletes = page.items.unwrap().into_iter().map(|key| {
            let mut delete = client.delete_item().table_name(TABLE).set_key(Some(key));
            if safe {
                delete = delete
                    .condition_expression(
                        "Expires <= :now AND NOT (Locked = :yes AND LockDate > :then)",
                    )
                    .expression_attribute_values(":now", AttributeValue::S(now().to_string()))
                    .expression_attribute_values(":yes", AttributeValue::N("1".to_owned()))
                    .expression_attribute_values(
                        ":then",
                        AttributeValue::S((now() - Duration::from_secs(3600)).to_string()),
                    )
                    .return_values_on_condition_check_failure(
                        ReturnValuesOnConditionCheckFailure::AllOld,
                    );
            }
            delete.return_consumed_capacity(ReturnConsumedCapacity::Total).send()
        });
        let mut deletes = stream::iter(deletes).buffer_unordered(32);
        while let Some(deleted) = deletes.next().await {
            needed.calls += 1;
            needed.deleted += 1;
            let capacity = deleted.unwrap().consumed_capacity.unwrap();
            needed.write_units += capacity.capacity_units.unwrap();
        }
    }
    needed
}

/// The calls of AWS's provider, as they were recorded: a page, then its deletes in batches of 25,
/// one batch after the other, then the next page. AWS's provider does not ask for the consumed
/// capacity; this benchmark adds that.
pub(crate) async fn aws_provider(client: &Client) -> Needed {
    let mut needed = Needed::default();
    let mut start = None;
    loop {
        let condition = Condition::builder()
            .comparison_operator(ComparisonOperator::Lt)
            .attribute_value_list(AttributeValue::S(now().to_string()))
            .build()
            .unwrap();
        let page = client
            .scan()
            .table_name(TABLE)
            .attributes_to_get("SessionId")
            .scan_filter("Expires", condition)
            .limit(i32::MAX)
            .set_exclusive_start_key(start)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .unwrap();
        needed.calls += 1;
        needed.read_units += page.consumed_capacity.unwrap().capacity_units.unwrap();
        for keys in page.items.unwrap().chunks(25) {
            let deletes = keys.iter().map(|key| {
                let delete = DeleteRequest::builder().set_key(Some(key.clone())).build().unwrap();
                WriteRequest::builder().delete_request(delete).build()
            });
            let batch = client.batch_write_item().request_items(TABLE, deletes.collect());
            let batch = batch.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let batch = batch.send().await.unwrap();
            needed.calls += 1;
            needed.deleted += keys.len() as u64;
            for capacity in batch.consumed_capacity.unwrap() {
                needed.write_units += capacity.capacity_units.unwrap();
            }
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return needed;
        }
    }
}
