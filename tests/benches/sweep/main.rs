//! What the sweep costs, how fast it is, and that it keeps its promises on a large table.
//!
//! `cargo bench -p tests --bench sweep -- speed`, or `budget`, `cost`, `million`. Times are of this
//! machine: only ratios of one run mean something. Set `TEST_DYNAMODB_URL` for another DynamoDB than the
//! embedded one, which reads the whole table for a page of a segment.

#![expect(clippy::unwrap_used, reason = "a benchmark that cannot run has nothing to say")]
#![expect(dead_code, reason = "the tests use more of their support than this")]

mod budget;
mod contenders;
mod cost;
mod million;
mod site;
mod speed;
#[path = "../../support/mod.rs"]
mod support;

use clap::Parser;

/// Benchmarks of the sweep.
#[derive(Parser)]
struct Options {
    /// What to measure; nothing where `cargo test --benches` asks only whether it runs
    #[command(subcommand)]
    what: Option<What>,

    /// Said by `cargo bench`
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(clap::Subcommand)]
enum What {
    /// The sweep, the bare calls that it needs, and the loop of AWS's provider, in turn
    Speed {
        #[arg(long, default_value_t = 20_000)]
        items: u32,
        #[arg(long, default_value_t = 5)]
        rounds: usize,
    },
    /// A minute with a budget of 100 read units a second: what each second spends
    Budget {
        #[arg(long, default_value_t = 20_000)]
        items: u32,
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// Units for each session of 2, 20 and 100 KB
    Cost,
    /// A large table, swept by 1 and by 8 segments, and killed ten times: what is left, and memory
    Million {
        #[arg(long, default_value_t = 1_000_000)]
        items: u32,
        #[arg(long, value_delimiter = ',', default_value = "1,8")]
        segments: Vec<u32>,
    },
    /// A sweep of the table at this URL in a process of its own, for `million`
    #[command(hide = true)]
    Child { url: String, segments: u32 },
}

#[tokio::main]
async fn main() {
    match Options::parse().what {
        None => {}
        Some(What::Speed { items, rounds }) => speed::run(items, rounds).await,
        Some(What::Budget { items, seconds }) => budget::run(items, seconds).await,
        Some(What::Cost) => cost::run().await,
        Some(What::Million { items, segments }) => million::run(items, &segments).await,
        Some(What::Child { url, segments }) => million::child(&url, segments).await,
    }
}
