//! The capacity units that each second of a sweep uses, with a budget of 100 units a second.

use std::time::{Duration, Instant};

use session_store::{SweepOptions, SweepProgress, SweepReport, client};

use super::site;
use super::support::DynamoDb;

const UNITS: f64 = 100.0;

/// First only reads have a budget, then only writes.
pub(crate) async fn run(items: u32, seconds: u64) {
    for reads in [true, false] {
        let dynamodb = DynamoDb::start().await;
        site::fill(&client::at(&dynamodb.url), items).await;
        let sweep_options = SweepOptions {
            segments: 4,
            read_units: reads.then_some(UNITS),
            write_units: (!reads).then_some(UNITS),
            time_limit: Some(Duration::from_secs(seconds)),
            ..SweepOptions::default()
        };
        let (average, highest) = measure(&dynamodb.url, &sweep_options, reads).await;
        let what = if reads { "read" } else { "write" };
        println!(
            "budget of {UNITS} {what} units a second: {average:.0} used on average, {highest} at most in a second"
        );
        // The delete of a large item alone can cost more write units than the budget of a second.
        assert!(!reads || highest <= 1.1 * UNITS, "{highest} read units in a second");
    }
}

/// The units of a second, on average and at most.
async fn measure(url: &str, sweep_options: &SweepOptions, reads: bool) -> (f64, f64) {
    let sessions = site::sessions(url);
    let progress = SweepProgress::default();
    let units = |sweep: &SweepReport| if reads { sweep.read_units } else { sweep.write_units };
    // Seconds since the start, and the units that were used until then.
    let mut used = vec![(0.0, 0.0)];
    let began = Instant::now();
    let sweep = sessions.sweep(sweep_options, &progress, site::now());
    tokio::pin!(sweep);
    let sweep = loop {
        tokio::select! {
            sweep = &mut sweep => break sweep.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(2)) => {
                used.push((began.elapsed().as_secs_f64(), units(&progress.so_far())));
            }
        }
    };
    assert!(!sweep.complete, "the sweep ended before its time, use a larger table: {sweep:?}");
    let highest = used.iter().enumerate().map(|(first, from)| {
        let within = used[first..].iter().take_while(|to| to.0 <= from.0 + 1.0);
        within.last().unwrap_or(from).1 - from.1
    });
    (units(&sweep) / began.elapsed().as_secs_f64(), highest.fold(0.0, f64::max))
}
