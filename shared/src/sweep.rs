//! Sweep: delete sessions that have expired.
//!
//! A pass goes over the whole table once. It reads the segments of the table at the same time, and
//! each segment page by page. Each delete has a condition, and only this condition decides what is
//! deleted, not what the scan saw. A run ends when its time is up. The next run continues from the
//! stored position, so a pass may take many runs.
//!
//! Each module names only those after it in this list:
//!
//! - `run`: one run, from the stored position of the pass to a new position.
//! - `segment`: the pages of one segment. `process`: the items of a page.
//! - `pass`: the pass that the run works on. `calls`: calls within the budget. `page`: a page of
//!   the scan.
//! - `budget`: how many units the calls may cost each second. `item_cost`: how many units an item
//!   is expected to cost. `finding`: the class of a scanned item. `position`: the position of a
//!   pass, stored in the table. `expire`: the conditional deletes.
//! - `progress`, `report`, `options`.

mod budget;
mod calls;
mod expire;
mod finding;
mod item_cost;
mod options;
mod page;
mod pass;
mod position;
mod process;
mod progress;
mod report;
mod run;
mod segment;

pub use expire::ExpireOutcome;
pub use options::SweepOptions;
pub use progress::SweepProgress;
pub use report::{Pass, SweepReport};

use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::Timestamp;

impl SessionStore {
    /// Deletes the sessions that have expired by `now`, each with a condition, and reports what it
    /// did. `progress` shows the numbers while the sweep runs, and can stop it.
    ///
    /// # Errors
    ///
    /// Only failures. Sessions that the sweep has deleted before the failure stay deleted. The next
    /// sweep continues from the stored position. `progress` has the numbers.
    pub async fn sweep(
        &self,
        options: &SweepOptions,
        progress: &SweepProgress,
        now: Timestamp,
    ) -> Result<SweepReport, Error> {
        run::run(self, options, progress, now).await?;
        Ok(progress.so_far())
    }
}
