//! What a pass costs for each session.

use session_store::{SessionId, Sweep, SweepProgress, Sweeping, Timestamp, client};

use super::site;
use super::support::DynamoDb;

const SESSIONS: u32 = 200;

/// Tables in which all sessions have ended, and in which none has.
pub(crate) async fn run() {
    println!("units for each session, of {SESSIONS}, with the position:");
    for kilobytes in [2_usize, 20, 100] {
        for ended in [false, true] {
            let dynamodb = DynamoDb::start().await;
            site::fill(&client::at(&dynamodb.url), 0).await;
            let sessions = site::sessions(&dynamodb.url);
            let stored = site::now();
            let when = session_store::Moment { now: stored, received: stored };
            for n in 0..SESSIONS {
                let id = SessionId::new(None, &site::id(n), false).unwrap();
                let claim = session_store::Claim::NoLock {
                    key: session_store::RequestKey::random(),
                    only: session_store::Only::Unlocked,
                };
                let items = vec![7; kilobytes * 1024];
                sessions.store(&id, claim, &items, None, when).await.unwrap();
            }
            let end = stored + std::time::Duration::from_secs(if ended { 1_200 } else { 0 });
            let sweep = swept(&sessions, end).await;
            assert_eq!(sweep.deleted, u64::from(if ended { SESSIONS } else { 0 }));
            let each = |units: f64| units / f64::from(SESSIONS);
            println!(
                "  {kilobytes} KB, {}: {:.3} read, {:.3} write",
                if ended { "ended" } else { "living" },
                each(sweep.read_units),
                each(sweep.write_units)
            );
        }
    }
}

async fn swept(sessions: &session_store::SessionStore, end: Timestamp) -> Sweep {
    sessions.sweep(&Sweeping::default(), &SweepProgress::default(), end).await.unwrap()
}
