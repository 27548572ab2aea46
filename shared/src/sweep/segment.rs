//! One segment of the table. While the items of a page are deleted, the next page is read.

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream;

use super::page::Page;
use super::pass::CurrentPass;
use super::position::Position;
use super::process::process_item;
use crate::error::Error;

/// The most deletes that run at the same time, in one segment and in all segments together. Each
/// may need a connection, and so a file descriptor.
const DELETES_AT_ONCE: usize = 32;
const DELETES_AT_ONCE_IN_ALL: usize = 128;

/// The position is stored after this many read units. That is after each of DynamoDB's own pages,
/// which end at 1 MB and 128 units, and after several of the smaller pages that a budget makes.
const STORE_POSITION_AFTER_UNITS: f64 = 64.0;

/// Sweeps a segment from its stored position. Returns whether it reached the end of the segment.
pub(super) async fn sweep(pass: &CurrentPass<'_>, segment: u32) -> Result<bool, Error> {
    let position = &pass.positions[segment as usize];
    if *position == Position::End {
        return Ok(true);
    }
    let calls = pass.calls;
    let segments = u32::try_from(pass.positions.len()).unwrap_or(u32::MAX);
    let mut cursor =
        SegmentCursor { pass, segment, position: position.clone(), units: 0.0, scanned: 0 };
    let read = async |position: &Position| {
        let read =
            |sessions, items| Page::read(sessions, (segment, segments), position, items, calls.now);
        calls.page(read).await
    };
    let at_once = deletes_at_once(segments);
    let mut next = read(position).await?;
    loop {
        // If the run stops here, the next run reads this page again.
        let Some(page) = next.filter(|_| !calls.should_stop()) else {
            return cursor.stop().await;
        };
        // The next page is read while the items of this page are deleted.
        let ahead = async {
            match &page.after {
                Position::End => Ok(None),
                after => read(after).await,
            }
        };
        let (continues, ahead) = join(cursor.process_page(&page, at_once), ahead).await;
        if !continues? {
            return Ok(false);
        }
        if page.after == Position::End {
            return Ok(true);
        }
        next = ahead?;
    }
}

fn deletes_at_once(segments: u32) -> usize {
    (DELETES_AT_ONCE_IN_ALL / segments as usize).clamp(1, DELETES_AT_ONCE)
}

/// How far a segment has come, and how much it has read since its position was stored.
struct SegmentCursor<'a> {
    pass: &'a CurrentPass<'a>,
    segment: u32,
    position: Position,
    units: f64,
    scanned: u64,
}

impl SegmentCursor<'_> {
    /// Processes the items of a page, `at_once` at the same time, and then moves the position
    /// behind the page. Returns whether the segment continues.
    async fn process_page(&mut self, page: &Page, at_once: usize) -> Result<bool, Error> {
        let calls = self.pass.calls;
        let scanned = u64::try_from(page.scanned).unwrap_or(0);
        calls.progress.note(|report| {
            report.pages += 1;
            report.scanned += scanned;
        });
        let work = page.items.iter().map(|item| process_item(calls, item));
        let mut work = stream::iter(work).buffer_unordered(at_once);
        let mut done = true;
        while let Some(ended) = work.next().await {
            done &= ended?;
        }
        if !done {
            // The next run reads this page again.
            return self.stop().await;
        }
        self.position = page.after.clone();
        self.units += page.units;
        self.scanned += scanned;
        if self.position == Position::End || self.units >= STORE_POSITION_AFTER_UNITS {
            return self.keep().await;
        }
        Ok(true)
    }

    /// Stores the position of a segment whose run stops before its end. Returns `false`.
    async fn stop(&mut self) -> Result<bool, Error> {
        if self.scanned > 0 {
            self.keep().await?;
        }
        Ok(false)
    }

    /// Stores the position. Returns whether the pass continues.
    async fn keep(&mut self) -> Result<bool, Error> {
        let continues = self.pass.keep(self.segment, &self.position, self.scanned).await?;
        (self.units, self.scanned) = (0.0, 0);
        Ok(continues)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_deletes_32_at_once_and_all_segments_together_at_most_128() {
        assert_eq!([1, 4, 8, 64, 200].map(deletes_at_once), [32, 32, 16, 2, 1]);
    }
}
