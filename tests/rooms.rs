//! The order of the rooms: a room imports only rooms that stand above it, and `unsafe` stays where it may be.

use std::path::Path;

use kinetik_tests::{files, root};

/// The rooms of `core`, top to bottom, as in ARCHITECTURE.md.
const ORDER: [&str; 20] = [
    "error",
    "time",
    "rng",
    "fork",
    "runtime",
    "shared",
    "buffer",
    "metrics",
    "planted",
    "types",
    "codec",
    "route",
    "limit",
    "api",
    "engine",
    "transport",
    "retry",
    "client",
    "producer",
    "consumer",
];

/// The files of `core` that may hold `unsafe`.
const SIMD: [&str; 2] = ["codec/digest/avx2.rs", "codec/digest/avx512.rs"];

#[test]
fn no_room_imports_a_room_below_it() {
    let source = root().join("core/src");
    let mut upward = Vec::new();
    let mut imports = 0;
    for file in files(&source, "rs") {
        let Some(room) = room_of(&source, &file) else {
            continue;
        };
        for (line, target) in imported(&std::fs::read_to_string(&file).expect("a source file")) {
            let Some(below) = position(&target) else {
                continue;
            };
            imports += 1;
            if below > room {
                upward.push(format!("{}:{line} imports {target}", file.display()));
            }
        }
    }
    assert!(
        imports > 5,
        "only {imports} imports were found: the test no longer reads them"
    );
    assert!(upward.is_empty(), "upward imports:\n{}", upward.join("\n"));
}

#[test]
fn every_room_of_the_order_exists_and_no_other_does() {
    let lib = std::fs::read_to_string(root().join("core/src/lib.rs")).expect("lib.rs");
    let declared: Vec<_> = lib
        .lines()
        .map(|line| line.strip_prefix("pub ").unwrap_or(line))
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    assert_eq!(
        declared, ORDER,
        "core/src/lib.rs lists the rooms in their order"
    );
}

#[test]
fn unsafe_code_stays_in_the_simd_file() {
    let source = root().join("core/src");
    let holders: Vec<_> = files(&source, "rs")
        .into_iter()
        .filter(|file| {
            std::fs::read_to_string(file)
                .expect("a source file")
                .lines()
                .any(|line| {
                    let code = line.split("//").next().unwrap_or_default();
                    code.contains("unsafe {")
                        || code.contains("unsafe fn")
                        || code.contains("unsafe impl")
                })
        })
        .map(|file| {
            file.strip_prefix(&source)
                .expect("below core/src")
                .display()
                .to_string()
        })
        .collect();
    assert!(
        holders.iter().all(|file| SIMD.contains(&file.as_str())),
        "unsafe outside {SIMD:?}: {holders:?}"
    );
    let members = ["server", "cli"].map(|member| root().join(member));
    for file in members
        .iter()
        .filter(|member| member.is_dir())
        .flat_map(|member| files(member, "rs"))
    {
        let text = std::fs::read_to_string(&file).expect("a source file");
        assert!(
            !text.contains("unsafe {"),
            "{} holds unsafe code",
            file.display()
        );
    }
}

#[test]
fn imports_are_found_in_every_form() {
    let source = "use crate::codec::digest;\nuse crate::{error::Error, limit::bucket::{A, B}, types};\n\
                  let x = crate::route::ShardMap::new();\n// crate::consumer is only named\n\
                  #[cfg(test)]\nmod tests { use crate::producer::Producer; }\n";
    let rooms: Vec<_> = imported(source).into_iter().map(|(_, room)| room).collect();
    assert_eq!(rooms, ["codec", "error", "limit", "types", "route"]);
}

fn position(room: &str) -> Option<usize> {
    ORDER.iter().position(|&name| name == room)
}

fn room_of(source: &Path, file: &Path) -> Option<usize> {
    let inner = file.strip_prefix(source).ok()?;
    let room = inner.components().next()?.as_os_str().to_str()?;
    position(room.trim_end_matches(".rs"))
}

/// The rooms that a file's code outside tests names after `crate::`, with their lines.
fn imported(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .collect();
    for (number, line) in lines.iter().enumerate() {
        for (at, marker) in line.match_indices("crate::") {
            let rest = &line[at + marker.len()..];
            if let Some(group) = rest.strip_prefix('{') {
                let tail = std::iter::once(group).chain(lines[number + 1..].iter().copied());
                found.extend(heads(tail).into_iter().map(|room| (number + 1, room)));
            } else {
                found.push((number + 1, word(rest)));
            }
        }
    }
    found
}

/// The first words of a braced import group's members, up to the brace that closes it.
fn heads<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut found = Vec::new();
    let (mut depth, mut fresh) = (1, true);
    for line in lines {
        for (at, character) in line.char_indices() {
            match character {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 1 => fresh = true,
                character if fresh && depth == 1 && character.is_alphabetic() => {
                    found.push(word(&line[at..]));
                    fresh = false;
                }
                _ => {}
            }
            if depth == 0 {
                return found;
            }
        }
    }
    found
}

fn word(text: &str) -> String {
    text.chars()
        .take_while(|&c| c.is_alphanumeric() || c == '_')
        .collect()
}
