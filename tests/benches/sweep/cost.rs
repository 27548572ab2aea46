//! The capacity units that a pass uses for each session.

use session_store::{
    Dashes, SessionId, SweepOptions, SweepProgress, SweepReport, Timestamp, client,
};

use super::site;
use super::support::DynamoDb;

const SESSIONS: u32 = 200;

/// Measures tables in which all sessions are expired, and tables in which all sessions are live.
pub(crate) async fn run() {
    println!("units for each of {SESSIONS} sessions, including those of the position:");
    for kilobytes in [2_usize, 20, 100] {
        for expired in [false, true] {
            let dynamodb = DynamoDb::start().await;
            site::fill(&client::at(&dynamodb.url), 0).await;
            let sessions = site::sessions(&dynamodb.url);
            let stored = site::now();
            let time = session_store::RequestTime { now: stored, received: stored };
            for n in 0..SESSIONS {
                let id = SessionId::new(None, &site::id(n), Dashes::default()).unwrap();
                let mode = session_store::StoreMode::WithoutLock {
                    key: session_store::RequestKey::random(),
                    precondition: session_store::Precondition::None,
                };
                let items = vec![7; kilobytes * 1024];
                sessions.store(&id, mode, &items, None, time).await.unwrap();
            }
            let end = stored + std::time::Duration::from_secs(if expired { 1_200 } else { 0 });
            let sweep = swept(&sessions, end).await;
            assert_eq!(sweep.deleted, u64::from(if expired { SESSIONS } else { 0 }));
            let each = |units: f64| units / f64::from(SESSIONS);
            println!(
                "  {kilobytes} KB, {}: {:.3} read, {:.3} write",
                if expired { "expired" } else { "live" },
                each(sweep.read_units),
                each(sweep.write_units)
            );
        }
    }
}

async fn swept(sessions: &session_store::SessionStore, end: Timestamp) -> SweepReport {
    sessions.sweep(&SweepOptions::default(), &SweepProgress::default(), end).await.unwrap()
}
