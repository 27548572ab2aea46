//! A minute with a budget: what each second of it spends.

use std::time::{Duration, Instant};

use session_store::{Sweep, SweepProgress, Sweeping, client};

use super::site;
use super::support::DynamoDb;

const UNITS: f64 = 100.0;

/// First reads alone have a budget, then writes alone.
pub(crate) async fn run(items: u32, seconds: u64) {
    for reads in [true, false] {
        let dynamodb = DynamoDb::start().await;
        site::fill(&client::at(&dynamodb.url), items).await;
        let sweeping = Sweeping {
            segments: 4,
            read_units: reads.then_some(UNITS),
            write_units: (!reads).then_some(UNITS),
            time_limit: Some(Duration::from_secs(seconds)),
            ..Sweeping::default()
        };
        let (average, dearest) = spend(&dynamodb.url, &sweeping, reads).await;
        let what = if reads { "read" } else { "write" };
        println!(
            "{UNITS} {what} units a second: {average:.0} on average, {dearest} in the dearest second"
        );
        // Of the items that are written some are as dear as a second, or dearer.
        assert!(!reads || dearest <= 1.1 * UNITS, "a second spent {dearest} read units");
    }
}

/// What a second costs on average and at the most.
async fn spend(url: &str, sweeping: &Sweeping, reads: bool) -> (f64, f64) {
    let sessions = site::sessions(url);
    let progress = SweepProgress::default();
    let units = |sweep: &Sweep| if reads { sweep.read_units } else { sweep.write_units };
    // When how much had been spent.
    let mut spent = vec![(0.0, 0.0)];
    let began = Instant::now();
    let sweep = sessions.sweep(sweeping, &progress, site::now());
    tokio::pin!(sweep);
    let sweep = loop {
        tokio::select! {
            sweep = &mut sweep => break sweep.unwrap(),
            () = tokio::time::sleep(Duration::from_millis(2)) => {
                spent.push((began.elapsed().as_secs_f64(), units(&progress.so_far())));
            }
        }
    };
    assert!(!sweep.complete, "the table was too small for the time: {sweep:?}");
    let dearest = spent.iter().enumerate().map(|(first, from)| {
        let within = spent[first..].iter().take_while(|to| to.0 <= from.0 + 1.0);
        within.last().unwrap_or(from).1 - from.1
    });
    (units(&sweep) / began.elapsed().as_secs_f64(), dearest.fold(0.0, f64::max))
}
