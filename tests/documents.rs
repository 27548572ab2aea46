//! The tables in `docs/` agree with the code.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use functions::http::{ProblemKind, header};
use functions::{Config, Operation};

use crate::openapi::{described, document, examples, parameters};

fn file(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// The cells of each row of the table under this heading, without backticks.
fn table(page: &str, heading: &str) -> Vec<Vec<String>> {
    let text = file(page);
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| {
        row.trim_matches('|').split(" | ").map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

fn column(rows: &[Vec<String>], n: usize) -> BTreeSet<String> {
    let set: BTreeSet<_> = rows.iter().map(|row| row[n].clone()).collect();
    assert_eq!(set.len(), rows.len(), "two rows have the same name");
    set
}

#[test]
fn every_operation_is_documented_with_its_route_and_its_statuses() {
    let rows = table("docs/operations.md", "Operations");
    let document = document();

    assert_eq!(column(&rows, 0).len(), Operation::ALL.len() + 1);
    for operation in Operation::ALL {
        let row = rows.iter().find(|row| row[0] == operation.name()).unwrap();
        assert_eq!(row[2], format!("{} {}", operation.method(), operation.path()));
        let documented: BTreeSet<&str> = row[3].split(", ").collect();
        let described = &described(&document, operation)["responses"];
        // The page lists these below the table: the statuses that every operation can have, and
        // those of API Gateway.
        let every = ["400", "403", "500", "503"];
        let statuses = described.as_object().unwrap().keys().map(String::as_str);
        assert_eq!(documented, statuses.filter(|status| !every.contains(status)).collect());
    }
}

#[test]
fn every_header_is_documented() {
    let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    let page = "docs/operations.md";

    assert_eq!(column(&table(page, "Request headers"), 0), names(&header::OF_REQUESTS));
    assert_eq!(column(&table(page, "Response headers"), 0), names(&header::OF_RESPONSES));
}

#[test]
fn openapi_has_every_request_header_for_the_operations_of_its_row_and_no_others() {
    let document = document();
    for row in table("docs/operations.md", "Request headers") {
        for operation in Operation::ALL {
            let described = parameters(&document, operation).contains_key(row[0].as_str());
            let documented = row[1].starts_with("all")
                || row[1].split([',', ';', ' ']).any(|word| word == operation.name());
            assert_eq!(described, documented, "{} of {}", row[0], operation.name());
        }
    }
}

#[test]
fn every_problem_is_documented_with_its_status() {
    let rows = table("docs/operations.md", "Problems");
    let documented: BTreeSet<_> =
        rows.iter().map(|row| (format!("urn:session-state:{}", row[0]), row[1].clone())).collect();

    let described: BTreeSet<_> = examples(&document())
        .into_iter()
        .map(|(kind, example)| (kind, example["status"].to_string()))
        .collect();
    assert_eq!(documented, described);
    assert_eq!(documented.len(), ProblemKind::ALL.len());
}

#[test]
fn every_setting_is_documented_and_every_documented_setting_exists() {
    let read = RefCell::new(BTreeSet::new());
    Config::read(|variable| {
        read.borrow_mut().insert(variable.to_owned());
        None
    })
    .unwrap();
    let mut variables = read.into_inner();
    // The binary and the log read these. Lambda sets them.
    let of_lambda = [functions::HANDLER, functions::log::LEVEL, functions::log::FORMAT];
    variables.extend(of_lambda.map(str::to_owned));

    assert_eq!(column(&table("docs/settings.md", "Settings"), 0), variables);
}

#[test]
fn every_documented_default_is_the_default_of_the_code() {
    let rows = table("docs/settings.md", "Settings");
    let with = |changed: Option<(&str, &str)>| {
        let read = |variable: &str| {
            changed.filter(|(name, _)| *name == variable).map(|(_, value)| value.to_owned())
        };
        format!("{:?}", Config::read(read).unwrap())
    };

    // Setting a variable to its documented default changes nothing.
    for row in rows.iter().filter(|row| row[2] != "none") {
        assert_eq!(with(Some((&row[0], &row[2]))), with(None), "{}", row[0]);
    }
}

#[test]
fn the_manifest_and_the_template_have_the_same_version() {
    let template = file("template.yaml");
    let version = format!("    SemanticVersion: {}\n", env!("CARGO_PKG_VERSION"));

    assert!(template.contains(&version), "template.yaml has no {version}");
}

#[test]
fn the_readme_links_to_every_page() {
    let readme = file("README.md");
    let docs = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")).unwrap();
    let pages = docs.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for page in pages.filter(|page| page.ends_with(".md")) {
        assert!(readme.contains(&format!("](docs/{page})")), "docs/{page} is not in the README");
    }
}

#[test]
fn every_link_between_pages_has_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<_> = docs
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    pages.extend(["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"].map(String::from));
    for page in pages.iter().filter(|page| page.ends_with(".md")) {
        let text = file(page);
        let folder = Path::new(page).parent().unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.starts_with("http") {
                continue;
            }
            let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if target.is_empty() {
                page.clone()
            } else {
                folder.join(target).display().to_string()
            };
            assert!(root.join(&target).exists(), "{page} links to {link}");
            if !anchor.is_empty() {
                let headings = file(&target);
                let headings = headings.lines().filter(|line| line.starts_with('#'));
                let mut anchors = headings.map(|heading| {
                    let text = heading.trim_start_matches('#').trim().to_lowercase();
                    let kept = text.chars().filter(|c| c.is_alphanumeric() || " -_".contains(*c));
                    kept.collect::<String>().replace(' ', "-")
                });
                assert!(anchors.any(|found| found == anchor), "{page} links to {link}");
            }
        }
    }
}
