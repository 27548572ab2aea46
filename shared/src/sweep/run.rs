//! One run of a sweep: all segments of the pass at the same time.

use futures_util::future::join_all;

use super::calls::PacedCalls;
use super::options::SweepOptions;
use super::pass::CurrentPass;
use super::progress::SweepProgress;
use super::segment;
use crate::dynamodb::SessionStore;
use crate::error::Error;
use crate::values::Timestamp;

/// Continues the pass that is under way, or begins a new pass.
pub(super) async fn run(
    sessions: &SessionStore,
    options: &SweepOptions,
    progress: &SweepProgress,
    now: Timestamp,
) -> Result<(), Error> {
    let calls = PacedCalls::new(sessions, options, progress, now);
    let Some(pass) = CurrentPass::begin(&calls).await? else { return Ok(()) };
    let segments = u32::try_from(pass.positions.len()).unwrap_or(u32::MAX);
    progress.note(|report| report.segments = segments);
    let ended = join_all((0..segments).map(async |segment| {
        let ended = segment::sweep(&pass, segment).await;
        if ended.is_err() {
            calls.fail();
        }
        ended
    }));
    let mut complete = true;
    for ended in ended.await {
        complete &= ended?;
    }
    if complete { pass.end().await } else { Ok(()) }
}
