//! MD5 of keys and of bodies, in lanes and alone, beside the md-5 crate.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;

use kinetik::codec::digest;
use kinetik_benches::{Cases, Gates, figure, print};
use md5::{Digest, Md5};

/// Keys a run.
const KEYS: usize = 4_096;

/// Messages one behind the other, as in an arena.
struct Messages {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Messages {
    fn new(count: usize, shortest: usize, longest: usize) -> Self {
        let mut dice = fastrand::Rng::with_seed(7);
        let (mut bytes, mut ends) = (Vec::new(), Vec::new());
        for _ in 0..count {
            let len = dice.usize(shortest..=longest);
            bytes.extend((0..len).map(|_| dice.u8(..)));
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }
}

fn main() {
    let mut gates = Gates::default();
    println!("lanes: {}", digest::lanes_name());
    for (shortest, longest, least) in [
        (16, 16, 8.0),
        (36, 36, 8.0),
        (55, 55, 8.0),
        (16, 55, 8.0),
        (1, 55, 0.0),
        (16, 80, 0.0),
        (56, 119, 0.0),
        (1, 256, 0.0),
    ] {
        let measured = measure(&Messages::new(KEYS, shortest, longest), 1);
        let title = format!("{KEYS} keys of {shortest} to {longest} bytes");
        print(&title, "M keys/s", 1e6, "md-5 crate", &measured);
        let ratio = figure(&measured, "lanes") / figure(&measured, "md-5 crate");
        gates.at_least(format!("{title}, times the md-5 crate"), ratio, least);
    }
    for (count, shortest, longest) in [
        (1, 51_200, 51_200),
        (2, 51_200, 51_200),
        (4, 51_200, 51_200),
        (8, 51_200, 51_200),
        (16, 51_200, 51_200),
        (24, 51_200, 51_200),
        (97, 51_200, 51_200),
        (97, 30_000, 51_200),
        (16, 1 << 20, 1 << 20),
        (40, 50 << 10, 1 << 20),
    ] {
        let messages = Messages::new(count, shortest, longest);
        let measured = measure(&messages, messages.bytes.len());
        let title = format!("{count} bodies of {shortest} to {longest} bytes");
        print(&title, "GB/s", 1e9, "md-5 crate", &measured);
        let name = if count == 1 { "alone" } else { "lanes" };
        let ratio = figure(&measured, name) / figure(&measured, "md-5 crate");
        let least = if count == 1 { 1.0 } else { 1.2 };
        gates.at_least(format!("{title}, times the md-5 crate"), ratio, least);
    }
    gates.finish();
}

fn measure(messages: &Messages, bytes: usize) -> Vec<kinetik_benches::Measured> {
    let units = if bytes > 1 { bytes } else { messages.len() };
    let mut places = vec![[[0; 16]; 5]; messages.len()];
    let places = std::cell::RefCell::new(&mut places);
    let mut cases = Cases::default();
    cases.add("lanes", units, || {
        let mut places = places.borrow_mut();
        digest::md5_each(
            messages.len(),
            |i| messages.get(i),
            |i, md5| places[i][0] = md5,
        );
    });
    cases.add("lanes, AVX2", units, || {
        let mut places = places.borrow_mut();
        digest::md5_each_avx2(
            messages.len(),
            |i| messages.get(i),
            |i, md5| places[i][4] = md5,
        );
    });
    cases.add("lanes, portable", units, || {
        let mut places = places.borrow_mut();
        digest::md5_each_portable(
            messages.len(),
            |i| messages.get(i),
            |i, md5| places[i][1] = md5,
        );
    });
    cases.add("alone", units, || {
        for (i, place) in places.borrow_mut().iter_mut().enumerate() {
            place[2] = digest::md5(black_box(messages.get(i)));
        }
    });
    cases.add("md-5 crate", units, || {
        for (i, place) in places.borrow_mut().iter_mut().enumerate() {
            place[3] = Md5::digest(black_box(messages.get(i))).into();
        }
    });
    let measured = cases.measure();
    for place in places.into_inner() {
        assert!(
            place.iter().all(|digest| *digest == place[3]),
            "the digests differ"
        );
    }
    measured
}
