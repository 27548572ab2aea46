//! One segment of the table: a page, its deletes, its position, the next page.

use std::time::Duration;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::StreamExt;
use futures_util::stream;

use super::Expired;
use super::find::Find;
use super::position::{KEY, Position};
use super::run::Run;
use crate::item::{Item, number, text};
use crate::spent::units;
use crate::write::Values;
use crate::{Error, SessionId, SessionStore, Timestamp, condition};

/// Deletes that are under way at once, of a segment and of all: each may need a connection, and so a
/// file descriptor.
const DELETES_AT_ONCE: usize = 32;
const DELETES_OF_ALL_AT_ONCE: usize = 128;

/// The position is kept after so many read units: after each of DynamoDB's own pages, which end at
/// 1 MB and 128 units, and after a few of the smaller ones that a budget makes.
const KEPT_AFTER_UNITS: f64 = 64.0;

/// A page of the scan.
pub(super) struct Page {
    /// Those of its items that somebody has to look at.
    items: Vec<Item>,
    pub(super) scanned: i32,
    /// The key of the last item, unless the segment is through.
    last: Option<String>,
    pub(super) units: f64,
}

/// Sweeps a segment from its position on; says whether it came to its end.
pub(super) async fn sweep(
    run: &Run<'_>,
    segment: u32,
    segments: u32,
    pass: Timestamp,
    position: &Position,
) -> Result<bool, Error> {
    let mut position = position.clone();
    let deletes_at_once = (DELETES_OF_ALL_AT_ONCE / segments as usize).clamp(1, DELETES_AT_ONCE);
    // Since the position was kept.
    let (mut units, mut scanned) = (0.0, 0);
    while position != Position::End {
        let read = |sessions: SessionStore, items| {
            let position = position.clone();
            async move { page(run, &sessions, (segment, segments), &position, items).await }
        };
        let page = run.page(read).await?;
        let done = match &page {
            None => false,
            Some(page) => work_off(run, page, deletes_at_once).await?,
        };
        let Some(page) = page.filter(|_| done) else {
            if scanned > 0 {
                run.keep(pass, segment, &position, scanned).await?;
            }
            return Ok(false);
        };
        position = page.last.map_or(Position::End, Position::After);
        units += page.units;
        scanned += u64::try_from(page.scanned).unwrap_or(0);
        if position == Position::End || units >= KEPT_AFTER_UNITS {
            if !run.keep(pass, segment, &position, scanned).await? {
                return Ok(false);
            }
            (units, scanned) = (0.0, 0);
        }
    }
    Ok(true)
}

/// Reads a page. Eventually consistent, at half the price: what it is wrong about, the conditions of
/// the deletes are not.
async fn page(
    run: &Run<'_>,
    sessions: &SessionStore,
    (segment, segments): (u32, u32),
    position: &Position,
    items: i32,
) -> Result<Page, Error> {
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
    let last = match &output.last_evaluated_key {
        None => None,
        Some(key) => match key.get(&settings.hash_key) {
            Some(AttributeValue::S(key)) => Some(key.clone()),
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
    Ok(Page { items, scanned, last, units })
}

/// Does what is to be done about the items of a page, so many at once; says whether it came to its end
/// before the sweep was over.
async fn work_off(run: &Run<'_>, page: &Page, at_once: usize) -> Result<bool, Error> {
    run.progress.note(|sweep| {
        sweep.pages += 1;
        sweep.scanned += u64::try_from(page.scanned).unwrap_or(0);
    });
    let work = page.items.iter().map(|item| one(run, item));
    let mut work = stream::iter(work).buffer_unordered(at_once);
    let mut done = true;
    while let Some(ended) = work.next().await {
        done &= ended?;
    }
    Ok(done)
}

/// Does what is to be done about an item; says whether it was done.
async fn one(run: &Run<'_>, item: &Item) -> Result<bool, Error> {
    let settings = run.sessions.settings();
    let find = Find::of(item, settings, run.sweeping, run.now);
    // The table has its key as text, or it would not have been taken for one of sessions.
    let Some(AttributeValue::S(key)) = item.0.get(&settings.hash_key) else { return Ok(true) };
    run.progress.note(|sweep| {
        let expired = matches!(find, Find::Expired | Find::Locked | Find::LeftToTtl);
        sweep.expired += u64::from(expired);
        match find {
            Find::Expired => {}
            Find::Locked => sweep.locked += 1,
            Find::LeftToTtl => sweep.left_to_ttl += 1,
            Find::Ghost(_) | Find::Remains => sweep.ghosts += 1,
            Find::Endangered => sweep.endangered += 1,
            Find::Unreadable => sweep.unreadable += 1,
        }
    });
    let id = &SessionId::from_key(key.clone());
    match find {
        _ if run.sweeping.dry_run => Ok(true),
        Find::Expired => expire(run, id).await,
        Find::Ghost(since) => ghost(run, id, since).await,
        Find::Locked | Find::LeftToTtl | Find::Remains | Find::Endangered | Find::Unreadable => {
            Ok(true)
        }
    }
}

async fn expire(run: &Run<'_>, id: &SessionId) -> Result<bool, Error> {
    let expired = run.delete(|sessions| async move { sessions.expire(id, run.now).await });
    let Some(expired) = expired.await? else { return Ok(false) };
    run.progress.note(|sweep| match expired {
        Expired::Deleted => sweep.deleted += 1,
        Expired::Gone => sweep.gone += 1,
        Expired::Renewed => sweep.renewed += 1,
    });
    Ok(true)
}

/// A ghost is marked when it is first seen, and deleted when it has been one for long enough.
async fn ghost(run: &Run<'_>, id: &SessionId, since: Option<Timestamp>) -> Result<bool, Error> {
    let Some(after) = run.sweeping.ghosts_after else { return Ok(true) };
    let Some(since) = since else {
        let marked =
            run.write_of(1.0, |sessions| async move { sessions.mark_ghost(id, run.clock()).await });
        return Ok(marked.await?.is_some());
    };
    let known_by = run.now - after;
    if since > known_by {
        return Ok(true);
    }
    let deleted =
        run.write_of(1.0, |sessions| async move { sessions.delete_ghost(id, known_by).await });
    let Some(deleted) = deleted.await? else { return Ok(false) };
    run.progress.note(|sweep| sweep.ghosts_deleted += u64::from(deleted));
    Ok(true)
}
