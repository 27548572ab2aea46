//! What a run does with one scanned item.

use aws_sdk_dynamodb::types::AttributeValue;

use super::calls::PacedCalls;
use super::expire::ExpireOutcome;
use super::finding::Finding;
use crate::error::Error;
use crate::item::Item;
use crate::values::{SessionId, Timestamp};

/// Handles one scanned item. Returns `false` when the run has to stop before the item is handled.
pub(super) async fn process_item(calls: &PacedCalls<'_>, item: &Item) -> Result<bool, Error> {
    let settings = calls.sessions.settings();
    let finding = Finding::of(item, settings, calls.options, calls.now);
    // This always matches: `table::describe` refuses a table whose hash key is not text.
    let Some(AttributeValue::S(key)) = item.0.get(calls.sessions.hash_key()) else {
        return Ok(true);
    };
    calls.progress.note(|report| {
        let expired = matches!(finding, Finding::Expired | Finding::Locked | Finding::LeftToTtl);
        report.expired += u64::from(expired);
        match finding {
            Finding::Expired => {}
            Finding::Locked => report.locked += 1,
            Finding::LeftToTtl => report.left_to_ttl += 1,
            Finding::Ghost(_) | Finding::Remains => report.ghosts += 1,
            Finding::Endangered => report.endangered += 1,
            Finding::Unreadable => report.unreadable += 1,
        }
    });
    let id = &SessionId::from_key(key.clone());
    match finding {
        _ if calls.options.dry_run => Ok(true),
        Finding::Expired => expire(calls, id).await,
        Finding::Ghost(since) => ghost(calls, id, since).await,
        Finding::Locked
        | Finding::LeftToTtl
        | Finding::Remains
        | Finding::Endangered
        | Finding::Unreadable => Ok(true),
    }
}

async fn expire(calls: &PacedCalls<'_>, id: &SessionId) -> Result<bool, Error> {
    let expired = calls.delete(|sessions| async move { sessions.expire(id, calls.now).await });
    let Some(expired) = expired.await? else { return Ok(false) };
    calls.progress.note(|report| match expired {
        ExpireOutcome::Deleted => report.deleted += 1,
        ExpireOutcome::Gone => report.gone += 1,
        ExpireOutcome::Renewed => report.renewed += 1,
    });
    Ok(true)
}

/// Marks a ghost that has no mark yet, and deletes a ghost whose grace period has passed.
async fn ghost(
    calls: &PacedCalls<'_>,
    id: &SessionId,
    since: Option<Timestamp>,
) -> Result<bool, Error> {
    let Some(after) = calls.options.ghosts_after else { return Ok(true) };
    let Some(since) = since else {
        let marked = calls
            .write(1.0, |sessions| async move { sessions.mark_ghost(id, calls.clock()).await });
        return Ok(marked.await?.is_some());
    };
    let known_by = calls.now - after;
    if since > known_by {
        return Ok(true);
    }
    let deleted =
        calls.write(1.0, |sessions| async move { sessions.delete_ghost(id, known_by).await });
    let Some(deleted) = deleted.await? else { return Ok(false) };
    calls.progress.note(|report| report.ghosts_deleted += u64::from(deleted));
    Ok(true)
}
