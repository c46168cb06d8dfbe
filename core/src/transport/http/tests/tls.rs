//! What stands between the client and a server over TLS: roots, proxies, alerts.

use hyper::Uri;
use rustls::RootCertStore;
use tower_service::Service;

use super::*;
use crate::transport::Names;
use crate::transport::http::dial::Dialler;
use crate::transport::proxy::Proxies;

/// A client that trusts a certificate that nobody has.
fn over_tls(url: &str, variables: &[(&str, &str)]) -> Http {
    let Ok(crate::transport::Endpoint::Http(url)) = url.parse() else {
        panic!("a URL");
    };
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/src/transport/http/tests/root.pem"
    );
    let options = Connect {
        region: Some("us-east-1".into()),
        credentials: Some(Credentials::new("AKID", "secret", None)),
        environment: Environment::fixed(variables.iter().copied()),
        ca_bundle: Some(root.into()),
        ..Connect::default()
    };
    Http::new(Some(url), options)
}

async fn unsent(http: &Http) -> Error {
    match call(http).await {
        Err(Fault::NotSent(error)) => error,
        other => panic!("{other:?}"),
    }
}

const AWS: &str = "https://kinesis.us-east-1.amazonaws.com";

#[tokio::test]
async fn a_proxy_that_wants_another_user_is_asked_once() {
    let fake = Fake::start().await;
    let proxy = format!("http://{}", fake.listener.local_addr().unwrap());
    let http = over_tls(AWS, &[("HTTPS_PROXY", &proxy)]);
    let answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n";
    let (error, asked) = tokio::join!(unsent(&http), fake.answer_once(answer));
    assert!(asked.starts_with("CONNECT kinesis."), "{asked}");
    assert_eq!(error.retry(), Retry::Never, "{error}");
    assert!(error.message().contains("407"), "{error}");
}

#[tokio::test]
async fn a_tunnel_that_a_proxy_fails_to_make_is_asked_for_again() {
    let fake = Fake::start().await;
    let proxy = format!("http://{}", fake.listener.local_addr().unwrap());
    let http = over_tls(AWS, &[("HTTPS_PROXY", &proxy)]);
    let answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
    let (error, _) = tokio::join!(unsent(&http), fake.answer_once(answer));
    assert_eq!(error.retry(), Retry::After(None), "{error}");
}

#[tokio::test]
async fn a_variable_that_names_a_proxy_over_tls_is_refused_before_anything_is_sent() {
    for (name, url) in [("HTTPS_PROXY", AWS), ("HTTP_PROXY", "http://emulator.test")] {
        let http = over_tls(url, &[(name, "https://user:canary@127.0.0.1:1")]);
        let error = unsent(&http).await;
        assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
        assert!(error.message().starts_with(name), "{error}");
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

/// Alerts in the clear, as a server sends them before it has spoken.
#[tokio::test]
async fn an_alert_about_what_both_sides_speak_is_final_and_one_about_a_server_passes() {
    const HANDSHAKE_FAILURE: u8 = 40;
    const PROTOCOL_VERSION: u8 = 70;
    const INTERNAL_ERROR: u8 = 80;
    const USER_CANCELED: u8 = 90;
    for (alert, retry) in [
        (HANDSHAKE_FAILURE, Retry::Never),
        (PROTOCOL_VERSION, Retry::Never),
        (INTERNAL_ERROR, Retry::After(None)),
        (USER_CANCELED, Retry::After(None)),
    ] {
        let fake = Fake::start().await;
        let address = fake.listener.local_addr().unwrap();
        let http = over_tls(&format!("https://{address}"), &[]);
        let server = async {
            let (mut socket, _) = fake.listener.accept().await.unwrap();
            let mut hello = [0; 64];
            socket.read_exact(&mut hello).await.unwrap();
            let record = [21, 3, 3, 0, 2, 2, alert];
            socket.write_all(&record).await.unwrap();
            socket.shutdown().await.unwrap();
            let _ = socket.read_to_end(&mut Vec::new()).await;
        };
        let (error, ()) = tokio::join!(unsent(&http), server);
        assert_eq!(error.kind(), ErrorKind::Connection, "{error}");
        assert_eq!(error.retry(), retry, "{error}");
    }
}

#[tokio::test]
async fn on_a_machine_without_roots_only_tls_fails_and_says_what_to_install() {
    let fake = Fake::start().await;
    let address = fake.listener.local_addr().unwrap();
    let environment = Environment::fixed::<&str, &str>([]);
    let dial = |scheme: &str| {
        let proxies = Arc::new(Proxies::of(None, &environment));
        let roots = RootCertStore::empty();
        let dialler = Dialler::new(proxies, Names::system(), roots, Clock::default(), LONG);
        let url: Uri = format!("{scheme}://{address}").parse().unwrap();
        dialler.unwrap().call(url)
    };
    assert!(dial("http").await.is_ok());
    let Err(error) = dial("https").await else {
        panic!("connected");
    };
    let error: &Error = super::super::tls::cause(&*error).unwrap();
    assert_eq!(error.retry(), Retry::Never);
    assert!(error.message().contains("ca-certificates"), "{error}");
}
