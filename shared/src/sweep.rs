//! Sweep: delete what has expired.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};

use crate::item::{Item, number, text};
use crate::write::{Outcome, Values};
use crate::{Error, SessionId, SessionStore, Timestamp, condition};

/// A lock younger than this may belong to a request that is still at work and will store.
const SPARED_LOCK_AGE: Duration = Duration::from_secs(60 * 60);

/// What became of an item that a scan found expired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expired {
    /// It was deleted.
    Deleted,
    /// It was gone already.
    Gone,
    /// It lives, or somebody holds it: it was renewed or locked since the scan.
    Spared,
}

/// What a sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Items that the scan looked at.
    pub scanned: u64,
    /// Of those, the expired ones that nobody held within the hour.
    pub expired: u64,
    /// Of those, the ones that this sweep deleted.
    pub deleted: u64,
    /// Of the expired, those that were renewed or locked before they could be deleted.
    pub spared: u64,
    /// Living sessions that DynamoDB's TTL is about to delete, because somebody with another TTL
    /// setting renewed them.
    pub endangered: u64,
    /// Pages of the scan.
    pub pages: u64,
}

impl SessionStore {
    /// Deletes every session that has expired by `now`, each only if it still has.
    ///
    /// # Errors
    ///
    /// None but failures. What was deleted until then stays deleted.
    pub async fn sweep(&self, now: Timestamp) -> Result<Sweep, Error> {
        let values = sweep_values(now);
        let filter = match self.settings.ttl {
            Some(_) => format!("{} OR {}", condition::SWEEPABLE, condition::ENDANGERED),
            None => condition::SWEEPABLE.to_owned(),
        };
        let projection = "#Key, #Expires";
        let expression = format!("{filter} {projection}");
        let mut pages = self
            .client
            .scan()
            .table_name(&self.settings.table)
            .filter_expression(filter)
            .projection_expression(projection)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .set_expression_attribute_names(Some(self.names(&expression)))
            .set_expression_attribute_values(Some(values.used_in(&expression)))
            .into_paginator()
            .send();
        let mut sweep = Sweep::default();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("Scan", error))?;
            self.purse.read(page.consumed_capacity());
            sweep.pages += 1;
            sweep.scanned += u64::try_from(page.scanned_count).unwrap_or(0);
            for mut item in page.items.unwrap_or_default() {
                // The table has its key as text, or it would not have been taken for one of sessions.
                let Some(AttributeValue::S(key)) = item.remove(&self.settings.hash_key) else {
                    continue;
                };
                if Item(item).expires()? > now {
                    sweep.endangered += 1;
                    continue;
                }
                sweep.expired += 1;
                match self.expire(&SessionId::from_key(key), now).await? {
                    Expired::Deleted => sweep.deleted += 1,
                    Expired::Spared => sweep.spared += 1,
                    Expired::Gone => {}
                }
            }
        }
        Ok(sweep)
    }

    /// Deletes one session, if it has expired by `now` and nobody took a lock within the hour.
    ///
    /// # Errors
    ///
    /// None but failures.
    pub async fn expire(&self, id: &SessionId, now: Timestamp) -> Result<Expired, Error> {
        match self.delete(id, condition::SWEEPABLE, &sweep_values(now)).await? {
            Outcome::Done(_) => Ok(Expired::Deleted),
            Outcome::Refused(None) => Ok(Expired::Gone),
            Outcome::Refused(Some(_)) => Ok(Expired::Spared),
        }
    }
}

fn sweep_values(now: Timestamp) -> Values {
    Values::at(now)
        .with(":spared", text(now - SPARED_LOCK_AGE))
        .with(":epoch", number(now.as_epoch_seconds()))
}
