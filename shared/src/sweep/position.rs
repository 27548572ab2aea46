//! The position of a pass, stored in an item of the table. The next run continues from it.
//!
//! The item exists while a pass is under way. It has no `Expires` and no other attribute of a
//! session. AWS's provider never meets it: the sweep of AWS's provider asks for `Expires`, and no
//! session has this key.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};

use super::options::SweepOptions;
use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{Item, number, text};
use crate::values::{SessionId, Timestamp};

/// The item's key. It cannot be the key of a session: it is longer than a session id may be, and it
/// has no dash between an application and a session id.
pub(super) const KEY: &str =
    "the_sweep_of_expired_sessions_is_here_and_its_next_run_carries_on_from_here_until_the_end";

const PASS_STARTED: &str = "PassStarted";
const SEGMENTS: &str = "Segments";
const SCANNED: &str = "Scanned";

/// True if the stored pass is the pass of this run. Another run may have ended that pass and begun
/// the next one.
const THIS_PASS: &str = "(#PassStarted = :pass)";

/// How far the pass has come in a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Position {
    Start,
    /// This key, and all keys before it, are done.
    After(String),
    End,
}

/// A pass that is under way, as the table holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredPass {
    pub(super) started: Timestamp,
    /// About how many items the pass has scanned. A resend counts its items twice.
    pub(super) scanned: u64,
    /// A position for each segment.
    pub(super) positions: Vec<Position>,
}

impl StoredPass {
    pub(super) fn new(started: Timestamp, segments: u32) -> Self {
        Self { started, scanned: 0, positions: vec![Position::Start; segments as usize] }
    }

    fn read(item: &Item) -> Result<Self, Error> {
        let started = item.timestamp(PASS_STARTED)?;
        let started = started.ok_or(Error::Malformed { attribute: PASS_STARTED })?;
        let segments: Option<u32> = item.number(SEGMENTS)?;
        let segments =
            segments.filter(|segments| (1..=SweepOptions::MAX_SEGMENTS).contains(segments));
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
    /// Reads the pass that is under way, or begins a new one.
    pub(super) async fn begin_pass(
        &self,
        now: Timestamp,
        segments: u32,
    ) -> Result<StoredPass, Error> {
        let update = "SET #PassStarted = if_not_exists(#PassStarted, :now), \
                      #Segments = if_not_exists(#Segments, :segments)";
        // This update may create the item, but it must not change a session.
        let condition = "attribute_not_exists(#Expires)";
        let values = Values::at(now).with(":segments", number(segments));
        let outcome = self.update(&id(), update, condition, &values, ReturnValue::AllNew).await?;
        match outcome {
            Outcome::Done(Some(item)) => StoredPass::read(&item),
            _ => Err(Error::Malformed { attribute: PASS_STARTED }),
        }
    }

    /// Stores the position of a segment, and adds `scanned` to the items of the pass. Returns
    /// whether the pass is still under way.
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

    /// Deletes the stored pass: the whole table is done.
    pub(super) async fn end_pass(&self, started: Timestamp) -> Result<(), Error> {
        let values = Values::at(started).with(":pass", text(started));
        self.delete(&id(), THIS_PASS, &values).await.map(drop)
    }

    /// The start key for a scan that continues after `key`.
    pub(super) fn start_key(&self, key: &str) -> HashMap<String, AttributeValue> {
        HashMap::from([(self.hash_key().to_owned(), text(key))])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Dashes;

    #[test]
    fn no_session_can_have_the_key_of_the_position() {
        assert!(SessionId::new(None, KEY, Dashes::InSessionId).is_err());
        // The key of a session with an application has a dash.
        assert!(!KEY.contains('-'));
    }

    #[test]
    fn each_segment_has_a_position_of_its_own() {
        assert_eq!((attribute(0), attribute(63)), ("Segment0".to_owned(), "Segment63".to_owned()));
    }
}
