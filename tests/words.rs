//! One word per thing: no file uses a name that a term of the field has replaced.

use std::path::{Path, PathBuf};

/// The old names and the new ones. Only whole names count: `is_overdue` does not contain `is_over`.
const REPLACED: [(&str, &str); 24] = [
    ("Purse", "CapacityMeter"),
    ("Spent", "Usage"),
    ("with_own_account", "metered"),
    ("Patience", "PollBackoff"),
    ("Because", "Refusal"),
    ("Lifetime", "TimeoutSource"),
    ("Moment", "RequestTime"),
    ("in_time", "before_deadline"),
    ("is_over", "lease_expired, should_stop"),
    ("LEASE_OVER", "LEASE_EXPIRED"),
    ("NOT_OVER", "NOT_RELEASED"),
    ("LockOver", "LockReleased"),
    ("lock-over", "lock-released"),
    ("give_up", "release_held"),
    ("give_back", "undo_lock"),
    ("not_held", "why_not_held"),
    ("not_free", "why_not_stored"),
    ("not_taken", "why_not_locked"),
    ("Sweeping", "SweepOptions"),
    ("Locking", "LockOptions"),
    ("Claim", "StoreMode"),
    ("Way", "SegmentCursor"),
    ("work_off", "process_page"),
    ("goes_on", "continues"),
];

/// The files below a folder, or the file itself.
fn files(path: PathBuf, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            files(entry.unwrap().path(), found);
        }
    } else {
        found.push(path);
    }
}

fn word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

#[test]
fn no_file_uses_a_name_that_was_replaced() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut all = Vec::new();
    // The changelog may name the old ones.
    for path in [
        "shared/src",
        "functions/src",
        "local",
        "tests",
        "fuzz/src",
        "fuzz/fuzz_targets",
        "docs",
        "README.md",
        "CONTRIBUTING.md",
        "openapi.yaml",
        "template.yaml",
        "events",
    ] {
        files(root.join(path), &mut all);
    }

    let mut read = 0;
    for file in all.iter().filter(|file| !file.ends_with("words.rs")) {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        read += 1;
        for (old, new) in REPLACED {
            // These are also English words. They can begin a sentence in a page or in a comment.
            let english = ["Because", "Locking", "Sweeping", "Claim", "Way"].contains(&old);
            if english && file.extension().is_none_or(|kind| kind != "rs") {
                continue;
            }
            for (at, _) in text.match_indices(old) {
                let alone =
                    !text[..at].ends_with(word) && !text[at + old.len()..].starts_with(word);
                let line = text[..at].lines().count().max(1);
                let comment = text[..at].lines().last().is_some_and(|line| line.contains("//"));
                assert!(
                    !alone || english && comment,
                    "{}:{line} has the old name {old}, use {new}",
                    file.display()
                );
            }
        }
    }
    assert!(read > 150, "{read} files");
}
