//! Real contention: many requests lock a session at once, on several threads.

use std::sync::Arc;

use session_store::{Error, LockOptions, RequestKey, StoreMode};

use crate::support::{Table, at, id};

const ROUNDS: usize = 2000;
const WAITERS: usize = 6;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_requests_that_lock_at_once_exactly_one_succeeds() {
    let table = Arc::new(Table::new().await);
    table.create(at(0)).await;

    for round in 0..ROUNDS {
        let waiters: Vec<_> = (0..WAITERS)
            .map(|_| {
                let table = Arc::clone(&table);
                let lock = async move {
                    table.sessions.lock(&id(), LockOptions::new(RequestKey::random()), at(1)).await
                };
                tokio::spawn(lock)
            })
            .collect();
        let mut locks = Vec::new();
        for waiter in waiters {
            match waiter.await.unwrap() {
                Ok(session) => locks.push(session.lock.unwrap().id),
                Err(Error::Locked(_)) => {}
                Err(error) => panic!("round {round}: {error}"),
            }
        }
        assert_eq!(locks.len(), 1, "round {round}");
        let items = round.to_string();
        table
            .sessions
            .store(&id(), StoreMode::WithLock(locks[0]), items.as_bytes(), None, at(1))
            .await
            .unwrap();
    }
}
