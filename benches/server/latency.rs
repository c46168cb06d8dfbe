//! How long a PutRecord takes at half load, beside a server that does nothing.

use std::time::Duration;

use kinetik::api::Form;
use kinetik::time::{Clock, Moment};
use kinetik_benches::Gates;

use crate::client::{Client, put_record};
use crate::served::{Served, Service};

const REQUESTS: usize = 10_000;
const ROUNDS: usize = 9;

/// Sends at half the rate that kinetik reaches over one connection, to both in turns; what is told is the lower quartile of
/// all rounds, for the machine disturbs some. A request counts from when it was due, so that waiting behind a slow one is
/// counted too.
pub(crate) fn at_half_load(gates: &mut Gates) {
    let servers = [Service::Kinetik, Service::Null].map(Served::start_of);
    servers[0].create(1);
    let body = put_record(Form::Json, 0, 1024);
    let mut clients = servers
        .each_ref()
        .map(|server| Client::connect(server, Form::Json));
    let clock = Clock::system();
    let back_to_back = pace(&mut clients[0], &body, &clock, Duration::ZERO);
    let interval = back_to_back.elapsed * 2 / REQUESTS as u32;
    let mut rounds = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (client, rounds) in clients.iter_mut().zip(&mut rounds) {
            rounds.push(pace(client, &body, &clock, interval));
        }
    }
    println!(
        "\nPutRecord of 1 KiB at {:.0} requests/s, half of what one connection reaches (wall time)",
        1.0 / interval.as_secs_f64()
    );
    let of = |rounds: &[Paced], part: fn(&Paced) -> Duration| {
        let mut values: Vec<_> = rounds.iter().map(part).collect();
        values.sort_unstable();
        values[values.len() / 4].as_secs_f64() * 1e6
    };
    for (title, rounds) in ["kinetik", "a server that does nothing"]
        .iter()
        .zip(&rounds)
    {
        let (median, p99) = (of(rounds, |one| one.median), of(rounds, |one| one.p99));
        println!("{title:<48} {median:>9.1} us median {p99:>9.1} us p99");
    }
    let ratio = of(&rounds[0], |one| one.p99) / of(&rounds[1], |one| one.p99);
    gates.at_most("p99 of PutRecord at half load against nothing", ratio, 1.5);
}

/// One round.
struct Paced {
    elapsed: Duration,
    median: Duration,
    p99: Duration,
}

fn pace(client: &mut Client, body: &[u8], clock: &Clock, interval: Duration) -> Paced {
    let begin = clock.now();
    let mut taken: Vec<_> = (0..REQUESTS)
        .map(|turn| {
            let due = match interval.is_zero() {
                true => clock.now(),
                false => wait(clock, begin + interval * turn as u32),
            };
            client.send(body);
            client.receive();
            clock.now().since(due)
        })
        .collect();
    let elapsed = clock.now().since(begin);
    taken.sort_unstable();
    Paced {
        elapsed,
        median: taken[REQUESTS / 2],
        p99: taken[REQUESTS / 100 * 99],
    }
}

/// Waits without giving the processor away, whose return would be late.
fn wait(clock: &Clock, until: Moment) -> Moment {
    while clock.now() < until {
        std::hint::spin_loop();
    }
    until
}
