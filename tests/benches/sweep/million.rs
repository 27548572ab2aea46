//! Sweeps a large table in a child process, to measure its memory without that of DynamoDB.

use std::process::Stdio;
use std::time::Duration;

use session_store::{SweepOptions, SweepProgress, client};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::site;
use super::support::DynamoDb;

const MEMORY_MB: u64 = 64;
const KILLS: u32 = 10;

pub(crate) async fn run(items: u32, segments: &[u32]) {
    for &segments in segments {
        let dynamodb = DynamoDb::start().await;
        let url = &dynamodb.url;
        let client = client::at(url);
        site::fill(&client, items).await;
        println!("{items} items, {segments} segments:");
        // Roughly a tenth of the time of a pass, so the kills are spread over the pass.
        let span = Duration::from_secs_f64(f64::from(items) / 100_000.0);
        for kill in 1..=KILLS {
            let mut child = start(url, segments);
            let life = span.mul_f64(fastrand::f64());
            let ended = tokio::time::timeout(life, child.wait()).await;
            child.kill().await.unwrap();
            let (_, _, left) = site::left(&client, items).await;
            let how = if ended.is_ok() { "completed" } else { "killed" };
            println!("  run {kill}: {how} after {life:.1?}, {left} expired sessions left");
        }
        let report = last_line(start(url, segments)).await;
        println!("  last run: {report}");
        let (there, lost, left) = site::left(&client, items).await;
        println!(
            "  of the items that should stay, {there} are there and {lost} are lost; {left} expired sessions are left"
        );
        assert_eq!((lost, left), (0, 0));
        let peak: u64 = report.rsplit(' ').nth(1).unwrap().parse().unwrap();
        assert!(peak < MEMORY_MB, "the sweep used {peak} MB of memory");
    }
}

fn start(url: &str, segments: u32) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["child", url, &segments.to_string()])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

async fn last_line(mut child: Child) -> String {
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut last = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        last = line;
    }
    assert!(child.wait().await.unwrap().success());
    last
}

/// One run. Prints its report and its peak memory.
pub(crate) async fn child(url: &str, segments: u32) {
    let sweep_options = SweepOptions { segments, ..SweepOptions::default() };
    let progress = SweepProgress::default();
    let sweep = site::sessions(url).sweep(&sweep_options, &progress, site::now()).await.unwrap();
    assert!(sweep.complete);
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").trim().parse().unwrap();
    println!(
        "{} scanned, {} deleted, {} pages, {} calls, peak memory {} MB",
        sweep.scanned,
        sweep.deleted,
        sweep.pages,
        sweep.calls,
        peak / 1024
    );
}
