//! The speed of our sweep, the bare calls and AWS's provider, measured in turn.

use std::time::{Duration, Instant};

use session_store::client;

use super::contenders::{Needed, aws_provider, bare, ours};
use super::site;
use super::support::DynamoDb;

const NAMES: [&str; 5] = [
    "this sweep",
    "the bare calls",
    "the bare calls with pages like ours",
    "the bare calls with pages and conditions like ours",
    "AWS's provider",
];

pub(crate) async fn run(items: u32, rounds: usize) {
    let mut took = [const { Vec::new() }; 5];
    let mut needed = [Needed::default(); 5];
    for round in 0..rounds {
        for turn in 0..5 {
            // Each contender goes first equally often.
            let contender = (round + turn) % 5;
            let (time, calls) = sweep(contender, items).await;
            took[contender].push(time.as_secs_f64());
            needed[contender] = calls;
        }
    }
    println!("{items} items, {rounds} rounds in turn:");
    for (name, needed) in NAMES.iter().zip(&needed) {
        println!(
            "  {name}: {} deleted, {} calls, {} read units, {} write units",
            needed.deleted, needed.calls, needed.read_units, needed.write_units
        );
    }
    for other in 1..5 {
        let mut ratios: Vec<_> =
            took[0].iter().zip(&took[other]).map(|(ours, theirs)| theirs / ours).collect();
        ratios.sort_by(f64::total_cmp);
        println!(
            "  this sweep is {:.2} times as fast as {} (median; {:.2} to {:.2})",
            ratios[rounds / 2],
            NAMES[other],
            ratios[0],
            ratios[rounds - 1]
        );
    }
}

async fn sweep(contender: usize, items: u32) -> (Duration, Needed) {
    let dynamodb = DynamoDb::start().await;
    let client = client::at(&dynamodb.url);
    site::fill(&client, items).await;
    let began = Instant::now();
    let needed = match contender {
        0 => ours(&dynamodb.url).await,
        1 => bare(&client, None, false).await,
        2 => bare(&client, Some(500), false).await,
        3 => bare(&client, Some(500), true).await,
        _ => aws_provider(&client).await,
    };
    (began.elapsed(), needed)
}
