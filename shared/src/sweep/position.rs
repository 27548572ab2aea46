//! Where a pass is, kept in the table, so that the next run carries on there.
//!
//! The item is there while a pass is under way. It has no `Expires` and none of a session's other
//! attributes, and AWS's provider cannot come across it: its own sweep asks for `Expires`, and no
//! session has this key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use crate::item::{Item, number, text};
use crate::write::{Outcome, Values};
use crate::{Error, SessionId, SessionStore, Timestamp};

/// The item's key: longer than a session id may be, and without the dash that an application would
/// bring.
pub(super) const KEY: &str =
    "the_sweep_of_expired_sessions_is_here_and_its_next_run_carries_on_from_here_until_the_end";

const PASS_STARTED: &str = "PassStarted";
const SEGMENTS: &str = "Segments";
const SCANNED: &str = "Scanned";

/// Only this pass is moved and ended: another run may have ended it, and begun the next.
const THIS_PASS: &str = "(#PassStarted = :pass)";

/// Where a segment of the table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    Start,
    /// All that comes before this key, and the key, are done.
    After(String),
    End,
}

/// A pass under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pass {
    pub(super) started: Timestamp,
    /// Items before the positions; about, because a resend counts them twice.
    pub(super) scanned: u64,
    /// A position for each segment.
    pub(super) positions: Vec<Position>,
}

impl Pass {
    pub(super) fn new(started: Timestamp, segments: u32) -> Self {
        Self { started, scanned: 0, positions: vec![Position::Start; segments as usize] }
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let started = item.timestamp(PASS_STARTED)?;
        let started = started.ok_or(Error::Malformed { attribute: PASS_STARTED })?;
        let segments: Option<u32> = item.number(SEGMENTS)?;
        let segments =
            segments.filter(|segments| (1..=super::Sweeping::MAX_SEGMENTS).contains(segments));
        let segments = segments.ok_or(Error::Malformed { attribute: SEGMENTS })?;
        let position = |segment| match item.0.get(&attribute(segment)) {
            None => Ok(Position::Start),
            Some(AttributeValue::S(key)) => Ok(Position::After(key.clone())),
            Some(AttributeValue::Null(true)) => Ok(Position::End),
            Some(_) => Err(Error::Malformed { attribute: "Segment" }),
        };
        let positions = (0..segments).map(position).collect::<Result<_, _>>()?;
        Ok(Self { started, scanned: item.number(SCANNED)?.unwrap_or(0), positions })
    }
}

/// The attribute that holds a segment's position.
fn attribute(segment: u32) -> String {
    format!("Segment{segment}")
}

fn id() -> SessionId {
    SessionId::from_key(KEY.to_owned())
}

impl SessionStore {
    /// The pass that is under way, or a new one.
    pub(super) async fn begin_pass(&self, now: Timestamp, segments: u32) -> Result<Pass, Error> {
        let update = "SET #PassStarted = if_not_exists(#PassStarted, :now), \
                      #Segments = if_not_exists(#Segments, :segments)";
        // It may make the item, but not of a session.
        let condition = "attribute_not_exists(#Expires)";
        let values = Values::at(now).with(":segments", number(segments));
        let outcome = self.update(&id(), update, condition, &values, ReturnValue::AllNew).await?;
        match outcome {
            Outcome::Done(Some(item)) => Pass::read(&item),
            _ => Err(Error::Malformed { attribute: PASS_STARTED }),
        }
    }

    /// Notes where a segment is, so many items further; says whether the pass is still under way.
    pub(super) async fn keep_position(
        &self,
        started: Timestamp,
        segment: u32,
        position: &Position,
        scanned: u64,
    ) -> Result<bool, Error> {
        let position = match position {
            Position::Start => return Ok(true),
            Position::After(key) => text(key),
            Position::End => AttributeValue::Null(true),
        };
        let update = format!("SET #{} = :position ADD #{SCANNED} :scanned", attribute(segment));
        let values = Values::at(started)
            .with(":pass", text(started))
            .with(":position", position)
            .with(":scanned", number(scanned));
        let outcome = self.update(&id(), &update, THIS_PASS, &values, ReturnValue::None).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }

    /// The whole table is done.
    pub(super) async fn end_pass(&self, started: Timestamp) -> Result<(), Error> {
        let values = Values::at(started).with(":pass", text(started));
        self.delete(&id(), THIS_PASS, &values).await.map(drop)
    }

    /// Where a scan that ended after this key begins.
    pub(super) fn start_key(&self, key: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([(self.settings.hash_key.clone(), text(key))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_position_is_under_a_key_that_no_session_has() {
        assert!(SessionId::new(None, KEY, true).is_err());
        // A session of an application has a dash.
        assert!(!KEY.contains('-'));
    }

    #[test]
    fn each_segment_has_a_position_of_its_own() {
        assert_eq!((attribute(0), attribute(63)), ("Segment0".to_owned(), "Segment63".to_owned()));
    }
}
