//! The layers of the code: no module of `session-store` names a module above it.

use std::collections::BTreeSet;
use std::path::Path;

/// The layers, lowest first, as in `shared/src/lib.rs`.
const LAYERS: [&str; 6] = ["values", "error", "item", "dynamodb", "operations", "sweep"];

const OPERATIONS: [&str; 8] =
    ["create", "fetch", "inspect", "lock", "store", "release", "touch", "remove"];

/// The name of every file of a layer, and its code without comments.
fn files(layer: &str) -> Vec<(String, String)> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/src");
    let mut paths = vec![source.join(format!("{layer}.rs"))];
    if let Ok(folder) = std::fs::read_dir(source.join(layer)) {
        paths.extend(folder.map(|entry| entry.unwrap().path()));
    }
    let read = |path: std::path::PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        (name, code.collect::<Vec<_>>().join("\n"))
    };
    paths.into_iter().map(read).collect()
}

/// The modules that the code names after `prefix`, for instance `crate::`.
fn named<'a>(code: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    let after = code.match_indices(prefix).map(|(at, _)| &code[at + prefix.len()..]);
    after
        .map(|rest| &rest[..rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap()])
        .collect()
}

#[test]
fn no_layer_names_a_layer_above_it() {
    for (level, layer) in LAYERS.iter().enumerate() {
        let files = files(layer);
        assert!(!files.is_empty());
        for (file, code) in files {
            for other in named(&code, "crate::") {
                let below = LAYERS[..=level].contains(&other);
                assert!(below, "{layer}: {file}.rs names crate::{other}");
            }
        }
    }
}

#[test]
fn no_operation_names_another_and_no_module_beside_them_names_an_operation() {
    let mut seen = 0;
    for (file, code) in files("operations") {
        // This file lists the modules.
        if file == "operations" {
            continue;
        }
        seen += usize::from(OPERATIONS.contains(&file.as_str()));
        let siblings = ["super::", "crate::operations::"];
        for other in siblings.into_iter().flat_map(|prefix| named(&code, prefix)) {
            assert!(!OPERATIONS.contains(&other), "{file}.rs names {other}");
        }
    }
    assert_eq!(seen, OPERATIONS.len());
}

#[test]
fn no_module_of_the_sweep_names_a_module_above_it() {
    // Each module may name those after it.
    let order = [
        "run",
        "segment",
        "process",
        "pass",
        "calls",
        "page",
        "budget",
        "item_cost",
        "finding",
        "position",
        "expire",
        "progress",
        "report",
        "options",
    ];
    let level = |name: &str| order.iter().position(|module| *module == name);
    for (file, code) in files("sweep").into_iter().filter(|(file, _)| file != "sweep") {
        let own = level(&file).unwrap_or_else(|| panic!("{file} is not in the list"));
        for other in named(&code, "super::").into_iter().filter_map(level) {
            assert!(other > own, "{file}.rs names {}", order[other]);
        }
    }
}
