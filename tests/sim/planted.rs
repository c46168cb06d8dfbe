//! The test of the tests: each planted bug is found within CI's seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use kinetik::planted::{Bug, plant};
use kinetik_tests::{files, root};

use crate::run::{World, run};
use crate::{number, seeds};

/// Seeds that a bug may take to be found.
const BUDGET: u64 = 10_000;

/// The first bug of the reader; those before are of producer, routing, limit and retry.
const FIRST_OF_READER: &str = "ReadsAtInsteadOfAfter";

#[test]
fn every_planted_bug_is_found() {
    let bugs: Vec<Bug> = match std::env::var("BUG") {
        Ok(name) => Bug::ALL
            .iter()
            .copied()
            .filter(|bug| bug.name() == name)
            .collect(),
        Err(_) => Bug::ALL.to_vec(),
    };
    let budget = number("SIM_SEEDS").unwrap_or(BUDGET);
    let found = Mutex::new(BTreeMap::new());
    // A panic of the code that is tested is a find; it need not be seen.
    std::panic::set_hook(Box::new(|_| {}));
    seeds::each(
        0..bugs.len() as u64,
        |_| {},
        |number| {
            let bug = bugs[number as usize];
            let find = hunt(bug, budget);
            println!(
                "{:<26} {}",
                bug.name(),
                find.as_deref().unwrap_or("NOT FOUND")
            );
            found
                .lock()
                .expect("no panic while it is held")
                .insert(number, find);
            true
        },
    );
    drop(std::panic::take_hook());
    let found = found.into_inner().expect("all are done");
    let missed = bugs
        .iter()
        .zip(found.values())
        .filter(|(_, find)| find.is_none());
    let missed: Vec<_> = missed.map(|(bug, _)| (bug.name(), bug.meaning())).collect();
    assert!(
        missed.is_empty(),
        "not found within {budget} seeds: {missed:#?}"
    );
}

/// Runs seeds with a bug until one is wrong: which, and why.
fn hunt(bug: Bug, budget: u64) -> Option<String> {
    plant(Some(bug));
    let find = of_its_worlds(bug, budget).find_map(|seed| {
        let run = catch_unwind(AssertUnwindSafe(|| run(seed, false)));
        let why = match run {
            Ok(run) if run.violations.is_empty() => return None,
            Ok(run) => run.violations[0].clone(),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
                format!("panic: {}", text.unwrap_or("?"))
            }
        };
        let why: String = why.chars().take(110).collect();
        Some(format!("{:?} seed {seed}: {why}", World::of(seed)))
    });
    plant(None);
    find
}

/// The seeds of the simulators that may find a bug; each seed counts, whoever runs it.
fn of_its_worlds(bug: Bug, budget: u64) -> impl Iterator<Item = u64> {
    let place = |name: &str| Bug::ALL.iter().position(|bug| bug.name() == name);
    let is_of_reader = place(bug.name()) >= place(FIRST_OF_READER);
    (0..budget).filter(move |seed| (World::of(*seed) == World::Reading) == is_of_reader)
}

#[test]
fn there_are_bugs_enough() {
    let of_reader = Bug::ALL
        .iter()
        .skip_while(|bug| bug.name() != FIRST_OF_READER)
        .count();
    assert!(of_reader >= 10 && Bug::ALL.len() - of_reader >= 20);
}

/// What is shipped, as far as it was built: the C library at least, which `make planted` builds.
fn released() -> Vec<PathBuf> {
    let mut found = Vec::new();
    for room in ["bindings-python/python", "bindings-node"] {
        for ending in ["so", "node"] {
            found.extend(files(&root().join(room), ending));
        }
    }
    let test = std::env::current_exe().expect("this test");
    let built = test
        .parent()
        .and_then(Path::parent)
        .expect("target/PROFILE/deps/sim");
    let of_c = ["libkinetik.so", "libkinetik.a", "kinetik"].map(|name| built.join(name));
    found.extend(of_c.into_iter().filter(|path| path.exists()));
    found
}

#[test]
fn released_libraries_hold_no_bug() {
    let released = released();
    let is_c = |path: &PathBuf| path.ends_with("libkinetik.so");
    assert!(
        released.iter().any(is_c),
        "make planted builds the C library first"
    );
    let marks = Bug::ALL.iter().map(|bug| bug.name());
    let marks: Vec<&str> = marks.collect();
    let holds = |path: &Path| {
        let bytes = std::fs::read(path).expect("what was built");
        let holds = |mark: &&&str| memmem(&bytes, mark.as_bytes());
        marks.iter().filter(holds).count()
    };
    let test = std::env::current_exe().expect("this test");
    assert_eq!(holds(&test), marks.len(), "where they are they are found");
    for path in &released {
        println!("{}: {} marks of planted bugs", path.display(), holds(path));
        assert_eq!(holds(path), 0, "{}", path.display());
    }
}

fn memmem(bytes: &[u8], mark: &[u8]) -> bool {
    memchr::memmem::find(bytes, mark).is_some()
}

/// Cargo unites the features that packages of one build ask for: no build that is shipped or shared asks for this one.
#[test]
fn builds_that_are_shipped_or_of_the_whole_workspace_plant_nothing() {
    let plants = |selected: &[&str]| {
        let output = Command::new(env!("CARGO"))
            .args(["tree", "--offline", "--locked", "--edges", "all"])
            .args(["--prefix", "none", "--format", "{p} [{f}]"])
            .args(selected)
            .current_dir(root())
            .output()
            .expect("cargo tree");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{errors}");
        let text = String::from_utf8(output.stdout).expect("text");
        let core = text.lines().filter(|line| line.starts_with("kinetik v"));
        core.map(|line| line.contains("planted-bugs"))
            .collect::<BTreeSet<bool>>()
    };
    for package in ["kinetik-c", "kinetik-python", "kinetik-node", "kinetik-cli"] {
        assert_eq!(plants(&["--package", package]), [false].into(), "{package}");
    }
    assert_eq!(plants(&["--workspace"]), [false].into());
    let ours = ["--workspace", "--features", "kinetik-tests/planted-bugs"];
    assert_eq!(plants(&ours), [true].into());
}
