//! Hosts whose names cannot be looked up, and hosts that move.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;

use super::*;
use crate::transport::Names;

const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
const THERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// Two servers on the same port of two addresses.
async fn two() -> (Fake, Fake, u16) {
    let here = Fake::start().await;
    let port = here.listener.local_addr().unwrap().port();
    let listener = TcpListener::bind((THERE, port)).await.unwrap();
    (here, Fake { listener }, port)
}

/// A client of a foreign host whose name leads to these addresses, one after another, then nowhere.
fn led(port: u16, found: impl IntoIterator<Item = Option<Ipv4Addr>>) -> (Http, impl Fn() -> usize) {
    let left = Arc::new(Mutex::new(found.into_iter().collect::<VecDeque<_>>()));
    let asked = Arc::clone(&left);
    let names = Names::asking(move |host| {
        assert_eq!(host, "kinesis.test");
        let address = asked.lock().pop_front().flatten();
        let address = address.ok_or_else(|| io::Error::other("no such host"))?;
        Ok(vec![SocketAddr::from((address, 0))])
    });
    let Ok(crate::transport::Endpoint::Http(url)) = format!("http://kinesis.test:{port}").parse()
    else {
        panic!("a URL");
    };
    let options = Connect {
        region: Some("us-east-1".into()),
        environment: Environment::fixed::<&str, &str>([]),
        credentials: Some(Credentials::new("key", "secret", None)),
        names,
        ..Connect::default()
    };
    let is_left = move || left.lock().len();
    (Http::new(Some(url), options), is_left)
}

#[tokio::test]
async fn a_failed_look_up_sends_nothing_and_is_forgotten() {
    let (here, _, port) = two().await;
    let (http, left) = led(port, [None, Some(HERE)]);
    let fault = call(&http).await.expect_err("the host is unknown");
    assert_eq!(fault.applied(), Applied::No);
    let error = fault.into_error(Operation::ListStreams);
    assert_eq!(error.kind(), ErrorKind::Connection);
    assert!(matches!(error.retry(), Retry::After(_)), "{error:?}");
    assert!(error.to_string().contains("no such host"), "{error}");
    let (outcome, _) = tokio::join!(call(&http), here.answer_once(GOOD));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn a_host_that_moved_is_found_by_the_next_connection() {
    let (here, there, port) = two().await;
    let (http, left) = led(port, [Some(HERE), Some(THERE)]);
    let (outcome, _) = tokio::join!(call(&http), here.answer_once(GOOD));
    assert!(outcome.is_ok(), "{outcome:?}");
    let (outcome, request) = tokio::join!(call(&http), there.answer_once(GOOD));
    assert!(outcome.is_ok(), "{outcome:?}");
    let host = format!("kinesis.test:{port}");
    assert_eq!(header(&request, "host"), Some(&*host));
    assert_eq!(left(), 0);
}

#[tokio::test]
async fn a_host_that_does_not_answer_where_it_was_is_looked_up_again() {
    let (here, there, port) = two().await;
    drop(here);
    let (http, left) = led(port, [Some(HERE), Some(THERE)]);
    let fault = call(&http).await.expect_err("nobody is there any more");
    assert_eq!(fault.applied(), Applied::No);
    let (outcome, _) = tokio::join!(call(&http), there.answer_once(GOOD));
    assert!(outcome.is_ok(), "{outcome:?}");
    assert_eq!(left(), 0);
}
