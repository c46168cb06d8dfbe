//! docs/LEDGER.md: every row is there, and every test that it names exists.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

const ROWS: usize = 88;

fn read(path: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).ok()
}

/// The rows by their numbers: what is said to find them.
fn rows() -> BTreeMap<usize, String> {
    let page = read("docs/LEDGER.md").expect("the page");
    let cells = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        Some((number, cells.nth(2)?.to_owned()))
    });
    cells.collect()
}

#[test]
fn every_row_is_there_with_tests_or_the_reason_why_not() {
    let rows = rows();
    assert!(rows.keys().copied().eq(1..=ROWS));
    for (number, found_by) in rows {
        let has_reason = ["cannot happen: ", "not yet: "].iter().any(|word| {
            found_by
                .strip_prefix(word)
                .is_some_and(|why| why.len() > 20)
        });
        assert!(
            has_reason || found_by.starts_with('`'),
            "row {number}: {found_by}"
        );
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let mut named = 0;
    for (number, found_by) in rows() {
        for test in found_by.split('`').skip(1).step_by(2) {
            let (path, name) = test.split_once("::").expect("a file and a name");
            let source = read(path).unwrap_or_else(|| panic!("row {number}: no file {path}"));
            let is_there = match path.rsplit('.').next() {
                Some("rs") => source.contains(&format!("fn {name}(")),
                Some("py") => source.contains(&format!("def {name}(")),
                Some("mjs") => source.contains(&format!("test('{name}'")),
                Some("c") => source.contains(&format!("int {name}(")),
                _ => false,
            };
            assert!(is_there, "row {number}: no test {name} in {path}");
            named += 1;
        }
    }
    assert!(named >= 70, "{named} tests are named");
}
