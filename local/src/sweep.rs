//! `local sweep`: sweeps any table by hand.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use clap::Args;
use functions::{DEFAULT_SEGMENTS, SweepRunReport};
use indicatif::{ProgressBar, ProgressStyle};
use session_store::{
    SessionStore, SessionTimeout, Settings, SweepOptions, SweepProgress, SweepReport, Timestamp,
    Ttl, table,
};

use crate::endpoint::{self, Endpoint};
use crate::run::{RunError, stop_signal};

const USUAL_TTL_DELAY_HOURS: u32 = (SweepOptions::USUAL_TTL_DELAY.as_secs() / 3600) as u32;

/// The embedded DynamoDB of a running `local`.
const RUNNING_LOCAL: &str = "http://127.0.0.1:8000";

/// How often the progress is updated. Without a terminal there is no bar, and every 150th update
/// prints a line: every 30 seconds.
const UPDATE_INTERVAL: Duration = Duration::from_millis(200);
const UPDATES_PER_LINE: u32 = 150;

/// Delete expired sessions from a table now and print a report; after Ctrl-C, the next sweep
/// continues from there
#[derive(Debug, Clone, Args)]
pub struct SweepArgs {
    /// URL of DynamoDB on this machine (without it and without --aws: http://127.0.0.1:8000, the
    /// embedded DynamoDB of a running `local`); if AWS_ACCESS_KEY_ID or AWS_PROFILE is set, use
    /// those credentials
    #[arg(long, value_name = "URL", value_parser = endpoint::url)]
    pub endpoint_url: Option<Endpoint>,

    /// Use a table on AWS, or at an --endpoint-url on another machine: with the region and
    /// credentials of the environment or profile
    #[arg(long)]
    pub aws: bool,

    /// Name of the table
    #[arg(long, value_name = "NAME", default_value = "ASP.NET_SessionState", value_parser = endpoint::table)]
    pub table: String,

    /// Attribute that the table's TTL reads; '' if TTL is off
    #[arg(long, value_name = "NAME", default_value = "ExpTTL")]
    pub ttl_attribute: String,

    /// How many seconds after a session has expired TTL may delete it
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub ttl_extra_seconds: u32,

    /// How many hours late TTL may be before the sweep deletes a session itself; 0 leaves no
    /// session to TTL
    #[arg(long, value_name = "HOURS", default_value_t = USUAL_TTL_DELAY_HOURS)]
    pub leave_to_ttl: u32,

    /// Delete a ghost item this many hours after a sweep first saw it; without it, only count ghost
    /// items
    #[arg(long, value_name = "HOURS")]
    pub ghosts_after: Option<NonZeroU32>,

    /// How many segments of the table to scan at the same time (1 to 64); a pass keeps the number
    /// that it began with
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_SEGMENTS, value_parser = clap::value_parser!(u32).range(1..=i64::from(SweepOptions::MAX_SEGMENTS)))]
    pub segments: u32,

    /// Read capacity units per second at most, and a fifth of a provisioned table's; without it, a
    /// table on demand has no limit
    #[arg(long, value_name = "UNITS")]
    pub read_units: Option<NonZeroU32>,

    /// Write capacity units per second at most, and a fifth of a provisioned table's; without it, a
    /// table on demand has no limit
    #[arg(long, value_name = "UNITS")]
    pub write_units: Option<NonZeroU32>,

    /// Stop after this many seconds; without it, stop at the end of the table
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<NonZeroU32>,

    /// Only count: delete nothing, and do not move the position of the pass
    #[arg(long)]
    pub dry_run: bool,
}

impl SweepArgs {
    fn sweep_options(&self) -> SweepOptions {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        let units = |units: NonZeroU32| f64::from(units.get());
        SweepOptions {
            segments: self.segments,
            read_units: self.read_units.map(units),
            write_units: self.write_units.map(units),
            leave_to_ttl: hours(self.leave_to_ttl),
            ghosts_after: self.ghosts_after.map(|after| hours(after.get())),
            dry_run: self.dry_run,
            time_limit: self.time_limit.map(|limit| Duration::from_secs(limit.get().into())),
        }
    }
}

/// Sweeps the table and prints the report.
///
/// # Errors
///
/// [`RunError`] if the sweep cannot start, or if it fails.
pub async fn sweep(options: &SweepArgs) -> Result<(), RunError> {
    let given = options.endpoint_url.as_ref().and_then(Endpoint::url);
    let endpoint = given.or(if options.aws { None } else { Some(RUNNING_LOCAL) });
    let client = endpoint::client(endpoint, options.aws).await?;
    let table = options.table.clone();
    let found = match table::describe(&client, &table).await {
        Ok(found) => found,
        Err(source) => return Err(RunError::Table { table, source: source.into() }),
    };
    let sessions = sessions(options, client, found.hash_key)?;
    let sweep_options = options.sweep_options().within(found.capacity);
    let progress = SweepProgress::default();
    let bar = bar(found.items);
    let began = Instant::now();

    let swept = {
        let sweep = sessions.sweep(&sweep_options, &progress, Timestamp::now());
        tokio::pin!(sweep);
        let mut stop = std::pin::pin!(stop_signal());
        let mut stopped = false;
        let mut updates = 0;
        loop {
            tokio::select! {
                swept = &mut sweep => break swept,
                () = &mut stop, if !stopped => {
                    stopped = true;
                    progress.stop();
                }
                () = tokio::time::sleep(UPDATE_INTERVAL) => {
                    show(&bar, &progress.so_far(), began.elapsed());
                    // Without a terminal there is no bar.
                    if bar.is_hidden() && updates % UPDATES_PER_LINE == 0 {
                        eprintln!("{} scanned, {}", bar.position(), bar.message());
                    }
                    updates += 1;
                }
            }
        }
    };

    let so_far = progress.so_far();
    show(&bar, &so_far, began.elapsed());
    bar.abandon();
    let report = SweepRunReport::new(so_far, options.dry_run, began.elapsed());
    let report = serde_json::to_string_pretty(&report).expect("numbers and texts are valid JSON");
    // A closed standard output does not make the sweep fail.
    let _ = writeln!(std::io::stdout(), "{report}");
    swept.map_err(|source| RunError::Sweep { source })?;
    if !so_far.complete && !options.dry_run {
        eprintln!("stopped before the end of the table; the next sweep continues from there");
    }
    Ok(())
}

fn sessions(
    options: &SweepArgs,
    client: Client,
    hash_key: String,
) -> Result<SessionStore, RunError> {
    let attribute = Some(options.ttl_attribute.clone()).filter(|name| !name.is_empty());
    let extra = Duration::from_secs(options.ttl_extra_seconds.into());
    let ttl = attribute.map(|attribute| Ttl { attribute, extra });
    let (table, session_timeout) = (options.table.clone(), SessionTimeout::default());
    let settings = Settings { table, hash_key, ttl, session_timeout };
    match settings.attribute_taken_by_ttl() {
        Some(taken) => Err(RunError::TtlAttribute { attribute: taken.to_owned() }),
        None => Ok(SessionStore::new(client, settings)),
    }
}

fn bar(items: u64) -> ProgressBar {
    let (bar, style) = match items {
        1.. => (ProgressBar::new(items), "{bar:30} {pos} of about {len}, {msg}, {eta} left"),
        0 => (ProgressBar::new_spinner(), "{spinner} {pos} scanned, {msg}"),
    };
    bar.with_style(ProgressStyle::with_template(style).expect("the template is well-formed"))
}

fn show(bar: &ProgressBar, sweep: &SweepReport, took: Duration) {
    let before = sweep.pass.map_or(0, |pass| pass.scanned_before);
    let scanned = before + sweep.scanned;
    // DynamoDB's count of the items may be hours old.
    if bar.length().is_some_and(|length| length < scanned) {
        bar.set_length(scanned);
    }
    let per_second = |units: f64| units / took.as_secs_f64().max(0.001);
    bar.set_message(format!(
        "{} deleted, {:.0} read and {:.0} write units per second, {} throttled",
        sweep.deleted,
        per_second(sweep.read_units),
        per_second(sweep.write_units),
        sweep.throttled
    ));
    // The speed must not count the items of earlier runs of the pass.
    if bar.position() < before {
        bar.set_position(before);
        bar.reset_eta();
    }
    bar.set_position(scanned);
}
