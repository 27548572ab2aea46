//! Sweep: delete what has expired.
//!
//! A pass goes over the whole table, in segments that are read at once and a page at a time. What is
//! deleted is decided by the condition of each delete, not by what the scan saw. A run ends when its
//! time is over, and the next one carries on where it was: a pass may take many runs.

mod budget;
mod call;
mod find;
mod page;
mod position;
mod progress;
mod run;
mod segment;
mod weight;

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnValue;

pub use progress::{Pass, Sweep, SweepProgress};

use crate::item::text;
use crate::write::{Outcome, Values};
use crate::{Error, SessionId, SessionStore, Timestamp, condition};

/// A lock younger than this may belong to a request that is still at work and will store.
const SPARED_LOCK_AGE: Duration = Duration::from_secs(60 * 60);

/// How a sweep goes about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sweeping {
    /// Parts of the table that are read at once, 1 to [`Sweeping::MAX_SEGMENTS`]. A pass keeps the
    /// number that it began with.
    pub segments: u32,
    /// Read capacity units that it may spend in a second; none for as many as there are.
    pub read_units: Option<f64>,
    /// Write capacity units that it may spend in a second; none for as many as there are.
    pub write_units: Option<f64>,
    /// How long after its time DynamoDB's TTL may be with deleting a session, before the sweep does
    /// it. A delete costs what the item weighs, and TTL's costs nothing. Zero leaves nothing to TTL.
    pub leave_to_ttl: Duration,
    /// Ghosts are deleted once they have been seen as such for so long; none counts them only.
    pub ghosts_after: Option<Duration>,
    /// Only looks: writes nothing, and neither follows nor moves the position of the pass.
    pub dry_run: bool,
    /// When it stops; none for when it is through.
    pub time_limit: Option<Duration>,
}

impl Sweeping {
    /// More than this read no faster than one function can take in.
    pub const MAX_SEGMENTS: u32 = 64;

    /// DynamoDB says "within a few days"; two is what it said for years.
    /// Source: the DynamoDB developer guide, "Using time to live (TTL)".
    pub const USUAL_TTL_DELAY: Duration = Duration::from_secs(48 * 60 * 60);
}

impl Default for Sweeping {
    fn default() -> Self {
        Self {
            segments: 1,
            read_units: None,
            write_units: None,
            leave_to_ttl: Self::USUAL_TTL_DELAY,
            ghosts_after: None,
            dry_run: false,
            time_limit: None,
        }
    }
}

/// What became of an item that a scan found expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// It was deleted.
    Deleted,
    /// It was gone already: by somebody else's delete, or an earlier send of this one.
    Gone,
    /// It lives, or somebody holds it: it was renewed or locked since the scan.
    Renewed,
}

impl SessionStore {
    /// Deletes every session that has expired by `now`, each only if it still has, and says what it
    /// did; `progress` says so while it goes on, and stops it.
    ///
    /// # Errors
    ///
    /// None but failures. What was deleted until then stays deleted, and the next sweep carries on
    /// from there; `progress` has what was done.
    pub async fn sweep(
        &self,
        sweeping: &Sweeping,
        progress: &SweepProgress,
        now: Timestamp,
    ) -> Result<Sweep, Error> {
        run::run(self, sweeping, progress, now).await?;
        Ok(progress.so_far())
    }

    /// Deletes one session, if it has expired by `now` and nobody took a lock within the hour.
    ///
    /// # Errors
    ///
    /// None but failures.
    pub async fn expire(&self, id: &SessionId, now: Timestamp) -> Result<Expired, Error> {
        let values = Values::at(now).with(":spared", text(now - SPARED_LOCK_AGE));
        match self.delete(id, condition::SWEEPABLE, &values).await? {
            Outcome::Done(_) => Ok(Expired::Deleted),
            Outcome::Refused(None) => Ok(Expired::Gone),
            Outcome::Refused(Some(_)) => Ok(Expired::Renewed),
        }
    }

    /// Notes on a ghost that it is one at `now`, unless that stands there already.
    ///
    /// A ghost has no date of its own, so this is where its grace begins.
    pub(crate) async fn mark_ghost(&self, id: &SessionId, now: Timestamp) -> Result<(), Error> {
        // A ghost that is gone is not to be made again.
        let condition = format!(
            "attribute_exists(#Key) AND {} AND attribute_not_exists(#GhostSince)",
            condition::GHOST
        );
        let update = "SET #GhostSince = :now";
        self.update(id, update, &condition, &Values::at(now), ReturnValue::None).await.map(drop)
    }

    /// Deletes a ghost that was one already at `since`; says whether it did.
    pub(crate) async fn delete_ghost(
        &self,
        id: &SessionId,
        since: Timestamp,
    ) -> Result<bool, Error> {
        let condition = format!("{} AND #GhostSince <= :now", condition::GHOST);
        let outcome = self.delete(id, &condition, &Values::at(since)).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }
}
