//! `local sweep`: a sweep by hand, of any table.

use std::io::Write;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use clap::Args;
use functions::{DEFAULT_SEGMENTS, SweepReport};
use indicatif::{ProgressBar, ProgressStyle};
use session_store::{
    SessionStore, SessionTimeout, Settings, Sweep, SweepProgress, Sweeping, Timestamp, Ttl, client,
    table,
};

use crate::run::{RunError, client_at, stop_signal};

const USUAL_TTL_DELAY_HOURS: u32 = (Sweeping::USUAL_TTL_DELAY.as_secs() / 3600) as u32;

/// How often the bar moves, and where there is none, how often a line says what it would.
const LOOK: Duration = Duration::from_millis(200);
const LOOKS_PER_LINE: u32 = 150;

/// Sweep expired sessions from a table now, with a report; Ctrl-C stops, and the next sweep carries on
#[derive(Debug, Clone, Args)]
pub struct SweepOptions {
    /// The DynamoDB at this URL; the default is that of a `local` that runs. Credentials come from the
    /// AWS environment or profile, if one is set
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8000")]
    pub endpoint_url: String,

    /// The DynamoDB of AWS, with region and credentials of the environment or profile
    #[arg(long, conflicts_with = "endpoint_url")]
    pub aws: bool,

    /// The table
    #[arg(long, value_name = "NAME", default_value = "ASP.NET_SessionState")]
    pub table: String,

    /// Attribute by which the table's TTL deletes; '' for none
    #[arg(long, value_name = "NAME", default_value = "ExpTTL")]
    pub ttl_attribute: String,

    /// How long after a session's end its TTL is, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub ttl_extra: u32,

    /// Delete what TTL has not deleted so many hours after its time; 0 leaves nothing to TTL
    #[arg(long, value_name = "HOURS", default_value_t = USUAL_TTL_DELAY_HOURS)]
    pub leave_to_ttl: u32,

    /// Delete ghosts that a sweep first saw so many hours ago; without it they are counted only
    #[arg(long, value_name = "HOURS")]
    pub ghosts_after: Option<NonZeroU32>,

    /// Parts of the table that are read at once (1 to 64), where a pass begins
    #[arg(long, value_name = "NUMBER", default_value_t = DEFAULT_SEGMENTS, value_parser = clap::value_parser!(u32).range(1..=i64::from(Sweeping::MAX_SEGMENTS)))]
    pub segments: u32,

    /// Read capacity units to spend in a second at the most
    #[arg(long, value_name = "UNITS")]
    pub read_units: Option<NonZeroU32>,

    /// Write capacity units to spend in a second at the most
    #[arg(long, value_name = "UNITS")]
    pub write_units: Option<NonZeroU32>,

    /// Stop after so many seconds
    #[arg(long, value_name = "SECONDS")]
    pub time_limit: Option<NonZeroU32>,

    /// Only look and count: delete nothing
    #[arg(long)]
    pub dry_run: bool,
}

impl SweepOptions {
    fn sweeping(&self) -> Sweeping {
        let hours = |hours: u32| Duration::from_secs(u64::from(hours) * 3600);
        let units = |units: NonZeroU32| f64::from(units.get());
        Sweeping {
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

/// Sweeps, and prints the report.
///
/// # Errors
///
/// [`RunError`]: what keeps it from starting, or from coming to its end.
pub async fn sweep(options: &SweepOptions) -> Result<(), RunError> {
    let client = match options.aws {
        true => client::from_env().await,
        false => client_at(&options.endpoint_url).await,
    };
    let table = options.table.clone();
    let found = match table::describe(&client, &table).await {
        Ok(found) => found,
        Err(source) => return Err(RunError::Table { table, source: Box::new(source) }),
    };
    let sessions = sessions(options, client, found.hash_key)?;
    let sweeping = options.sweeping();
    let progress = SweepProgress::default();
    let bar = bar(found.items);
    let began = Instant::now();

    let swept = {
        let sweep = sessions.sweep(&sweeping, &progress, Timestamp::now());
        tokio::pin!(sweep);
        let mut stop = std::pin::pin!(stop_signal());
        let mut stopped = false;
        let mut looks = 0;
        loop {
            tokio::select! {
                swept = &mut sweep => break swept,
                () = &mut stop, if !stopped => {
                    stopped = true;
                    progress.stop();
                }
                () = tokio::time::sleep(LOOK) => {
                    show(&bar, &progress.so_far(), began.elapsed());
                    // Where there is no terminal for a bar.
                    if bar.is_hidden() && looks % LOOKS_PER_LINE == 0 {
                        eprintln!("{} scanned, {}", bar.position(), bar.message());
                    }
                    looks += 1;
                }
            }
        }
    };

    let so_far = progress.so_far();
    show(&bar, &so_far, began.elapsed());
    bar.abandon();
    let report = SweepReport::of(&so_far, options.dry_run, began.elapsed());
    let report = serde_json::to_string_pretty(&report).expect("numbers and texts are JSON");
    // Nobody reads it: no reason to fail.
    let _ = writeln!(std::io::stdout(), "{report}");
    swept.map_err(|source| RunError::Sweep { source })?;
    if !so_far.complete && !options.dry_run {
        eprintln!("stopped before the end of the table; the next sweep carries on from there");
    }
    Ok(())
}

fn sessions(
    options: &SweepOptions,
    client: Client,
    hash_key: String,
) -> Result<SessionStore, RunError> {
    let attribute = Some(options.ttl_attribute.clone()).filter(|name| !name.is_empty());
    let extra = Duration::from_secs(options.ttl_extra.into());
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

fn show(bar: &ProgressBar, sweep: &Sweep, took: Duration) {
    let before = sweep.pass.map_or(0, |pass| pass.scanned_before);
    let scanned = before + sweep.scanned;
    // What DynamoDB counted may be hours old.
    if bar.length().is_some_and(|length| length < scanned) {
        bar.set_length(scanned);
    }
    let a_second = |units: f64| units / took.as_secs_f64().max(0.001);
    bar.set_message(format!(
        "{} deleted, {:.0} read and {:.0} write units a second, {} throttled",
        sweep.deleted,
        a_second(sweep.read_units),
        a_second(sweep.write_units),
        sweep.throttled
    ));
    // The speed is that of this run.
    if bar.position() < before {
        bar.set_position(before);
        bar.reset_eta();
    }
    bar.set_position(scanned);
}
