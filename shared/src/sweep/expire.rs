//! The conditional deletes of a sweep.

use aws_sdk_dynamodb::types::ReturnValue;

use crate::dynamodb::{Outcome, SessionStore, Values};
use crate::error::Error;
use crate::item::{condition, text};
use crate::values::{KEPT_FOR_HOLDER, SessionId, Timestamp};

/// What happened to an item that a scan found expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpireOutcome {
    /// The sweep deleted it.
    Deleted,
    /// It was gone already: another delete was first, or an earlier send of this delete.
    Gone,
    /// It is live or locked: another request renewed or locked it after the scan.
    Renewed,
}

impl SessionStore {
    /// Deletes one session, if it has expired by `now` and was not locked within the last hour.
    ///
    /// # Errors
    ///
    /// Only failures.
    pub async fn expire(&self, id: &SessionId, now: Timestamp) -> Result<ExpireOutcome, Error> {
        let values = Values::at(now).with(":spared", text(now - KEPT_FOR_HOLDER));
        match self.delete(id, condition::SWEEPABLE, &values).await? {
            Outcome::Done(_) => Ok(ExpireOutcome::Deleted),
            Outcome::Refused(None) => Ok(ExpireOutcome::Gone),
            Outcome::Refused(Some(_)) => Ok(ExpireOutcome::Renewed),
        }
    }

    /// Marks a ghost with `GhostSince`, the time when the sweep first saw it. Does not change an
    /// earlier mark.
    ///
    /// A ghost has no date of its own, so its grace period begins with the mark.
    pub(super) async fn mark_ghost(&self, id: &SessionId, now: Timestamp) -> Result<(), Error> {
        // The update must not create the item again if the ghost is gone.
        let condition = format!(
            "attribute_exists(#Key) AND {} AND attribute_not_exists(#GhostSince)",
            condition::GHOST
        );
        let update = "SET #GhostSince = :now";
        self.update(id, update, &condition, &Values::at(now), ReturnValue::None).await.map(drop)
    }

    /// Deletes a ghost that a sweep marked at `since` or before. Returns whether it did.
    pub(super) async fn delete_ghost(
        &self,
        id: &SessionId,
        since: Timestamp,
    ) -> Result<bool, Error> {
        let condition = format!("{} AND #GhostSince <= :now", condition::GHOST);
        let outcome = self.delete(id, &condition, &Values::at(since)).await?;
        Ok(matches!(outcome, Outcome::Done(_)))
    }
}
