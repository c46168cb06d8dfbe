//! `kinetik tail` of a stream whose shards are split and merged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};

use kinetik::api::UpdateShardCountInput;
use kinetik_server::Server;

use super::{put, server, tail};

fn scale(server: &Server, shards: i32) {
    let input = UpdateShardCountInput {
        stream_name: Some("orders".into()),
        target_shard_count: Some(shards),
        scaling_type: Some("UNIFORM_SCALING".into()),
        ..Default::default()
    };
    server.engine().call(&input.into()).unwrap();
}

/// Puts records of ten keys with these numbers.
fn put_numbered(server: &Server, numbers: std::ops::Range<u32>) {
    for number in numbers {
        put(server, &format!("key-{}", number % 10), number.to_string());
    }
}

/// Lines of `%k %s` hold these numbers once, in order within each key.
fn are_in_order(lines: &[String], numbers: std::ops::Range<u32>) {
    let mut found: BTreeMap<&str, Vec<u32>> = BTreeMap::new();
    for line in lines {
        let (key, number) = line.split_once(' ').unwrap();
        found.entry(key).or_default().push(number.parse().unwrap());
    }
    assert!(found.values().all(|numbers| numbers.is_sorted()));
    let all: BTreeSet<u32> = found.values().flatten().copied().collect();
    assert_eq!(lines.len(), numbers.len());
    assert!(all.into_iter().eq(numbers));
}

#[test]
fn children_are_read_behind_their_parents_up_to_the_end() {
    let server = server(None);
    for (turn, shards) in [4, 2, 3].into_iter().enumerate() {
        let first = turn as u32 * 50;
        put_numbered(&server, first..first + 50);
        scale(&server, shards);
    }
    put_numbered(&server, 150..200);
    let output = tail(&server, &["-e", "-f", r"%k %s\n"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let lines: Vec<_> = output.stdout.lines().map(Result::unwrap).collect();
    are_in_order(&lines, 0..200);
}

#[test]
fn a_follower_goes_on_in_the_children() {
    for mode in ["polling", "fan_out", "auto"] {
        let server = server(None);
        put_numbered(&server, 0..100);
        let arguments = [
            "--since", "start", "-n", "200", "-f", r"%k %s\n", "--mode", mode,
        ];
        let mut child = tail(&server, &arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut read = vec![lines.next().unwrap().unwrap()];
        // It has begun.
        scale(&server, 4);
        put_numbered(&server, 100..200);
        read.extend(lines.map(Result::unwrap));
        are_in_order(&read, 0..200);
        assert!(child.wait().unwrap().success(), "{mode}");
    }
}
