//! What `kinetik tail -e` tells on a terminal of how far it came.

use std::fs::File;
use std::io::Read;
use std::process::Child;
use std::time::Duration;

use kinetik::api::DeleteStreamInput;
use kinetik::engine::Fault;
use kinetik_server::Server;
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::{filled, signalled, tail};

/// The command with a terminal as its standard error, and the terminal.
fn on_a_terminal(server: &Server, arguments: &[&str]) -> (Child, File) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let theirs = open(name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    let child = tail(server, arguments).stderr(theirs).spawn().unwrap();
    (child, File::from(ours))
}

/// What else comes to a terminal until the command is gone, which reads as an error.
fn rest(mut terminal: File) -> String {
    let mut text = Vec::new();
    let _ = terminal.read_to_end(&mut text);
    String::from_utf8(text).unwrap()
}

/// The command while one of two shards does not answer, and its first line of progress.
fn held_up(server: &Server) -> (Child, File, String) {
    server.engine().clock().freeze();
    let hour = Duration::from_secs(3_600);
    let fault = Fault::delay("GetRecords", hour).unwrap().shard(0).times(1);
    server.engine().faults().push(fault);
    let (child, mut terminal) = on_a_terminal(server, &["-e", "-k", "bob"]);
    let (mut text, mut some) = (String::new(), [0; 256]);
    while !text.contains("to go, ") {
        let count = terminal.read(&mut some).unwrap();
        text.push_str(std::str::from_utf8(&some[..count]).unwrap());
    }
    (child, terminal, text)
}

#[test]
fn at_the_end_a_terminal_shows_how_many_of_the_records_were_written() {
    let server = filled();
    for (arguments, expected) in [
        (&["-e"][..], "\r\x1b[Kkinetik: 4 records\r\n"),
        (&["-e", "-k", "bob"], "\r\x1b[Kkinetik: 2 of 4 records\r\n"),
        (&["-e", "--raw"], "\r\x1b[Kkinetik: 3 records\r\n"),
        (&["-e", "-k", "eve"], "\r\x1b[Kkinetik: 0 of 4 records\r\n"),
    ] {
        let (mut child, terminal) = on_a_terminal(&server, arguments);
        assert_eq!(rest(terminal), expected, "{arguments:?}");
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn elsewhere_and_without_an_end_nothing_is_told() {
    let server = filled();
    let output = tail(&server, &["-e"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let (mut child, terminal) = on_a_terminal(&server, &["--since", "start", "-n", "4"]);
    assert_eq!(rest(terminal), "");
    assert!(child.wait().unwrap().success());
}

#[test]
fn while_it_lasts_a_terminal_shows_how_many_shards_are_left() {
    let server = filled();
    let (mut child, terminal, text) = held_up(&server);
    let line = text.strip_prefix("\r\x1b[Kkinetik: ").unwrap();
    assert!(line.contains(" records, 1 shards to go, "), "{line}");
    server.engine().clock().advance(Duration::from_secs(3_600));
    let rest = rest(terminal);
    let last = "\r\x1b[Kkinetik: 2 of 4 records\r\n";
    assert!(rest.ends_with(last), "{rest}");
    assert!(child.wait().unwrap().success());
}

#[test]
fn what_ends_it_early_leaves_the_line_of_progress_as_it_was() {
    let server = filled();
    let (child, terminal, line) = held_up(&server);
    assert_eq!(signalled(child, "-INT"), Some(0));
    let whole = line + &rest(terminal);
    assert!(
        whole.ends_with("\r\n") && !whole.ends_with("records\r\n"),
        "{whole}"
    );

    let server = filled();
    let (mut child, terminal, line) = held_up(&server);
    let delete = DeleteStreamInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    server.engine().call(&delete.into()).unwrap();
    server.engine().clock().advance(Duration::from_secs(3_600));
    let whole = line + &rest(terminal);
    assert!(whole.contains("\r\nkinetik: "), "{whole}");
    assert_eq!(child.wait().unwrap().code(), Some(3), "{whole}");
}
