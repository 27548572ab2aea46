//! The search for an order of requests accepts the possible histories, and no others.

use crate::support::history::{Event, History, Outcome, Report, Verdict};
use crate::support::operation::{Answer, By, Key, LockId, Op};

fn key(n: u128) -> Key {
    Key::from_u128(n)
}

fn lock_id(n: u128, generation: u64) -> LockId {
    LockId { key: key(n), generation }
}

fn lock(n: u128) -> Op {
    Op::Lock { key: key(n), timeout: None, lease: None }
}

fn store(lock: LockId, items: &str) -> Op {
    Op::Store { by: By::Lock(lock), items: items.into(), timeout: None }
}

const CREATE: Op = Op::Create { timeout: None };

fn fetch() -> Op {
    Op::Fetch { key: key(99) }
}

/// An answer with only a status, and the problem that belongs to the status.
fn status(status: u16) -> Answer {
    let problem = match status {
        404 => Some("not-found"),
        409 => Some("lock-lost"),
        _ => None,
    };
    Answer {
        status,
        problem: problem.map(str::to_owned),
        lock: None,
        lock_age: None,
        timeout: None,
        expires: None,
        initialize: false,
        items: Vec::new(),
    }
}

fn fetched(items: &str) -> Answer {
    Answer { timeout: Some(20), expires: Some(0), items: items.into(), ..status(200) }
}

fn granted(lock: LockId, items: &str) -> Answer {
    Answer { lock: Some(lock), ..fetched(items) }
}

fn initialize(answer: Answer) -> Answer {
    Answer { initialize: true, ..answer }
}

/// When a request started and ended, what it asked, and how it ended.
type Line = (i64, i64, Op, Outcome);

fn answered(start: i64, end: i64, op: Op, answer: Answer) -> Line {
    (start, end, op, Outcome::Answered(answer))
}

fn history(lines: Vec<Line>) -> History {
    let event = |(number, (start, end, op, outcome))| Event {
        number,
        who: "a task".to_owned(),
        op,
        start,
        end,
        outcome,
    };
    History { session: "s1".to_owned(), events: (1..).zip(lines).map(event).collect() }
}

fn is_possible(lines: Vec<Line>) -> bool {
    match history(lines).check() {
        Verdict::Possible => true,
        Verdict::Impossible(_) => false,
        Verdict::Undecided => panic!("the search took too long"),
    }
}

/// A history in which the request with key 1 locks a new session.
fn locked() -> Vec<Line> {
    vec![
        answered(0, 1, CREATE, status(201)),
        answered(2, 3, lock(1), initialize(granted(lock_id(1, 7), ""))),
    ]
}

fn then(mut lines: Vec<Line>, more: impl IntoIterator<Item = Line>) -> Vec<Line> {
    lines.extend(more);
    lines
}

#[test]
fn a_fetch_may_see_a_store_while_it_runs_and_must_see_it_afterwards() {
    let store = answered(4, 9, store(lock_id(1, 7), "x"), status(204));
    let free = |items| answered(11, 12, fetch(), fetched(items));
    let held = |start| {
        let answer = Answer { lock_age: Some(0), ..fetched("") };
        answered(start, start + 1, fetch(), answer)
    };

    assert!(is_possible(then(locked(), [store.clone(), held(5), free("x")])));
    assert!(is_possible(then(locked(), [store.clone(), answered(5, 6, fetch(), fetched("x"))])));
    assert!(!is_possible(then(locked(), [store.clone(), free("")])));
    assert!(!is_possible(then(locked(), [store, answered(5, 6, fetch(), fetched("x")), held(7)])));
}

#[test]
fn two_requests_do_not_hold_a_session_at_once() {
    let second = answered(4, 5, lock(2), granted(lock_id(2, 8), ""));

    assert!(!is_possible(then(locked(), [second])));
}

#[test]
fn a_live_session_is_not_reported_as_missing() {
    assert!(!is_possible(then(locked(), [answered(4, 5, fetch(), status(404))])));
}

#[test]
fn a_store_with_an_unknown_outcome_may_happen_at_any_time_after_its_start_or_never() {
    let unknown = (4, 5, store(lock_id(1, 7), "x"), Outcome::Unknown("cut".to_owned()));
    let held = |start, items| {
        answered(start, start + 1, fetch(), Answer { lock_age: Some(0), ..fetched(items) })
    };
    let free = |start, items| answered(start, start + 1, fetch(), fetched(items));

    assert!(is_possible(then(locked(), [unknown.clone(), held(6, "")])));
    assert!(is_possible(then(locked(), [unknown.clone(), free(6, "x")])));
    assert!(is_possible(then(locked(), [unknown.clone(), held(6, ""), free(8, "x")])));
    assert!(!is_possible(then(locked(), [unknown, free(6, "x"), held(8, "")])));
}

#[test]
fn a_late_copy_of_a_store_does_nothing_after_another_request_has_locked() {
    let lines = then(
        locked(),
        [
            answered(4, 5, store(lock_id(1, 7), "x"), status(204)),
            answered(6, 7, lock(2), granted(lock_id(2, 8), "x")),
        ],
    );
    let copy = |start| {
        (start, start + 1, store(lock_id(1, 7), "x"), Outcome::Applied("a copy".to_owned()))
    };

    assert!(is_possible(then(lines.clone(), [copy(5)])));
    assert!(!is_possible(then(lines, [copy(8)])));
}

#[test]
fn a_lock_with_an_unknown_outcome_has_happened_if_a_refusal_names_it() {
    let unknown = (4, 5, lock(2), Outcome::Unknown("503".to_owned()));
    let lines = then(locked(), [answered(3, 4, store(lock_id(1, 7), "x"), status(204)), unknown]);
    let told = |generation| {
        let holder = Some(lock_id(2, generation));
        let problem = Some("locked".to_owned());
        let answer = Answer { lock: holder, problem, lock_age: Some(0), ..status(423) };
        answered(6, 7, lock(3), answer)
    };
    let late = answered(8, 9, store(lock_id(1, 7), "y"), status(204));

    assert!(is_possible(then(lines.clone(), [told(8)])));
    assert!(!is_possible(then(lines.clone(), [told(6)])));
    assert!(!is_possible(then(lines, [told(8), late])));
}

#[test]
fn a_lock_of_a_removed_session_is_lost_even_if_a_late_copy_locks_the_next_session() {
    let lines = |late| {
        then(
            locked(),
            [
                answered(4, 5, Op::Remove { lock: Some(lock_id(1, 7)) }, status(204)),
                answered(6, 7, CREATE, status(201)),
                (8, 9, lock(1), Outcome::Applied("a copy".to_owned())),
                answered(10, 11, store(lock_id(1, 7), "x"), late),
            ],
        )
    };

    assert!(is_possible(lines(status(409))));
    assert!(!is_possible(lines(status(204))));
}

#[test]
fn a_report_names_the_request_that_cannot_come_next_and_says_why() {
    let history = history(then(locked(), [answered(4, 5, fetch(), status(404))]));
    let Verdict::Impossible(impossible) = history.check() else { panic!("it is possible") };

    let report = Report(&history, &impossible).to_string();

    assert!(
        report.contains("fetch as 000000  ->  404 not-found\n       but it should be 200"),
        "{report}"
    );
}
