//! A page of the scan.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::position::{KEY, Position};
use crate::dynamodb::{SessionStore, Values, units};
use crate::error::Error;
use crate::item::{Item, condition, number, text};
use crate::values::Timestamp;

pub(super) struct Page {
    /// The items that match the filter of the scan.
    pub(super) items: Vec<Item>,
    /// How many items DynamoDB read for the page.
    pub(super) scanned: i32,
    /// Where the segment continues after this page.
    pub(super) after: Position,
    pub(super) units: f64,
}

impl Page {
    /// Reads a page. The read is eventually consistent, at half the price. It may show an old state
    /// of an item, but the condition of each write is checked against the current state.
    pub(super) async fn read(
        sessions: SessionStore,
        (segment, segments): (u32, u32),
        position: &Position,
        items: i32,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let settings = sessions.settings();
        let mut filter = condition::EXPIRED_OR_INVALID.to_owned();
        let mut projection =
            "#Key, #Expires, #Locked, #LockDate, #CreateDate, #LockId, #GhostSince".to_owned();
        if settings.ttl.is_some() {
            filter = format!("{filter} OR {}", condition::ENDANGERED);
            projection.push_str(", #Ttl");
        }
        // TTL values are rounded to the nearest second. One second later, they are past for sure.
        let epoch = (now - Duration::from_secs(1)).as_epoch_seconds();
        let values = Values::at(now).with(":epoch", number(epoch)).with(":text", text("S"));
        let expressions = format!("{filter} {projection}");
        let mut request = sessions
            .client
            .scan()
            .table_name(&settings.table)
            .filter_expression(filter)
            .projection_expression(projection)
            .limit(items)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_expression_attribute_names(Some(sessions.names(&expressions)))
            .set_expression_attribute_values(Some(values.used_in(&expressions)));
        if segments > 1 {
            let (segment, segments) = (i32::try_from(segment), i32::try_from(segments));
            request = request.set_segment(segment.ok()).set_total_segments(segments.ok());
        }
        if let Position::After(key) = position {
            request = request.set_exclusive_start_key(Some(sessions.start_key(key)));
        }
        let output = request.send().await.map_err(|error| sessions.failed("Scan", &error))?;
        let consumed = sessions.consumed("Scan", output.consumed_capacity())?;
        sessions.meter.read(consumed);
        let units = units(consumed);
        let after = match &output.last_evaluated_key {
            None => Position::End,
            Some(key) => match key.get(sessions.hash_key()) {
                Some(AttributeValue::S(key)) => Position::After(key.clone()),
                // The table is no longer the one that the function found when it started.
                _ => return Err(Error::Malformed { attribute: "LastEvaluatedKey" }),
            },
        };
        let mut items: Vec<_> = output.items.unwrap_or_default().into_iter().map(Item).collect();
        let found = items.len();
        // The item with the position of the pass is not a session.
        items.retain(|item| item.0.get(sessions.hash_key()) != Some(&text(KEY)));
        let scanned = output.scanned_count - i32::from(items.len() < found);
        Ok(Self { items, scanned, after, units })
    }
}
