//! A page of the scan.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use super::position::{KEY, Position};
use super::run::Run;
use crate::item::{Item, number, text};
use crate::spent::units;
use crate::write::Values;
use crate::{Error, SessionStore, condition};

pub(super) struct Page {
    /// Those of its items that somebody has to look at.
    pub(super) items: Vec<Item>,
    pub(super) scanned: i32,
    /// Where the segment goes on.
    pub(super) after: Position,
    pub(super) units: f64,
}

impl Page {
    /// Reads a page. Eventually consistent, at half the price: what it is wrong about, the conditions of
    /// the deletes are not.
    pub(super) async fn read(
        run: &Run<'_>,
        sessions: SessionStore,
        (segment, segments): (u32, u32),
        position: &Position,
        items: i32,
    ) -> Result<Self, Error> {
        let settings = sessions.settings();
        let mut filter = condition::EXPIRED_OR_NONE.to_owned();
        let mut projection =
            "#Key, #Expires, #Locked, #LockDate, #CreateDate, #LockId, #GhostSince".to_owned();
        if settings.ttl.is_some() {
            filter = format!("{filter} OR {}", condition::ENDANGERED);
            projection.push_str(", #Ttl");
        }
        // Epoch seconds are rounded: a second later each of them is past.
        let epoch = (run.now - Duration::from_secs(1)).as_epoch_seconds();
        let values = Values::at(run.now).with(":epoch", number(epoch)).with(":text", text("S"));
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
        let output = request.send().await.map_err(|error| sessions.failed("Scan", error))?;
        sessions.purse.read(output.consumed_capacity());
        let after = match &output.last_evaluated_key {
            None => Position::End,
            Some(key) => match key.get(&settings.hash_key) {
                Some(AttributeValue::S(key)) => Position::After(key.clone()),
                // Another table than it was when the function started.
                _ => return Err(Error::Malformed { attribute: "LastEvaluatedKey" }),
            },
        };
        let units = units(output.consumed_capacity());
        let mut items: Vec<_> = output.items.unwrap_or_default().into_iter().map(Item).collect();
        let found = items.len();
        // The position of the pass is none of the items that it is about.
        items.retain(|item| item.0.get(&settings.hash_key) != Some(&text(KEY)));
        let scanned = output.scanned_count - i32::from(items.len() < found);
        Ok(Self { items, scanned, after, units })
    }
}
