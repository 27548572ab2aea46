//! One segment of the table: the items of a page are deleted while the next page is read.

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;

use super::Expired;
use super::find::Find;
use super::page::Page;
use super::position::Position;
use super::run::Run;
use crate::item::Item;
use crate::{Error, SessionId, Timestamp};

/// Deletes that are under way at once, of a segment and of all: each may need a connection, and so a
/// file descriptor.
const DELETES_AT_ONCE: usize = 32;
const DELETES_OF_ALL_AT_ONCE: usize = 128;

/// The position is kept after so many read units: after each of DynamoDB's own pages, which end at
/// 1 MB and 128 units, and after a few of the smaller ones that a budget makes.
const KEPT_AFTER_UNITS: f64 = 64.0;

/// Sweeps a segment from its position on; says whether it came to its end.
pub(super) async fn sweep(
    run: &Run<'_>,
    segment: u32,
    segments: u32,
    pass: Timestamp,
    position: &Position,
) -> Result<bool, Error> {
    if *position == Position::End {
        return Ok(true);
    }
    let mut way = Way { run, segment, pass, position: position.clone(), units: 0.0, scanned: 0 };
    let read = async |position: &Position| {
        let read =
            |sessions, items| Page::read(run, sessions, (segment, segments), position, items);
        run.page(read).await
    };
    let at_once = deletes_at_once(segments);
    let mut next = read(position).await?;
    loop {
        // One that was read ahead is left to the next run.
        let Some(page) = next.filter(|_| !run.is_over()) else {
            return way.over().await;
        };
        // The next page is read while the items of this one are deleted.
        let ahead = async {
            match &page.after {
                Position::End => Ok(None),
                after => read(after).await,
            }
        };
        let (goes_on, ahead) = join(way.work_off(&page, at_once), ahead).await;
        if !goes_on? {
            return Ok(false);
        }
        if page.after == Position::End {
            return Ok(true);
        }
        next = ahead?;
    }
}

fn deletes_at_once(segments: u32) -> usize {
    (DELETES_OF_ALL_AT_ONCE / segments as usize).clamp(1, DELETES_AT_ONCE)
}

/// How far a segment is, and what it has read since its position was kept.
struct Way<'a> {
    run: &'a Run<'a>,
    segment: u32,
    pass: Timestamp,
    position: Position,
    units: f64,
    scanned: u64,
}

impl Way<'_> {
    /// Does what is to be done about the items of a page, so many at once, and goes on behind it; says
    /// whether the segment goes on.
    async fn work_off(&mut self, page: &Page, at_once: usize) -> Result<bool, Error> {
        let scanned = u64::try_from(page.scanned).unwrap_or(0);
        self.run.progress.note(|sweep| {
            sweep.pages += 1;
            sweep.scanned += scanned;
        });
        let work = page.items.iter().map(|item| one(self.run, item));
        let mut work = stream::iter(work).buffer_unordered(at_once);
        let mut done = true;
        while let Some(ended) = work.next().await {
            done &= ended?;
        }
        if !done {
            // The next run reads this page again.
            return self.over().await;
        }
        self.position = page.after.clone();
        self.units += page.units;
        self.scanned += scanned;
        if self.position == Position::End || self.units >= KEPT_AFTER_UNITS {
            return self.keep().await;
        }
        Ok(true)
    }

    /// The sweep is over before the segment is; says that it does not go on.
    async fn over(&mut self) -> Result<bool, Error> {
        if self.scanned > 0 {
            self.keep().await?;
        }
        Ok(false)
    }

    /// Keeps the position; says whether the pass goes on, and was not ended by another run.
    async fn keep(&mut self) -> Result<bool, Error> {
        let (pass, segment) = (self.pass, self.segment);
        let goes_on = self.run.keep(pass, segment, &self.position, self.scanned).await?;
        (self.units, self.scanned) = (0.0, 0);
        Ok(goes_on)
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_deletes_32_at_once_and_all_together_no_more_than_128() {
        assert_eq!([1, 4, 8, 64, 200].map(deletes_at_once), [32, 32, 16, 2, 1]);
    }
}
