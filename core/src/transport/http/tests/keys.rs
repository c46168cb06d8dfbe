//! Credentials that the service refuses.

use std::sync::atomic::AtomicUsize;

use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};
use tokio::sync::Notify;

use super::*;
use crate::transport::http::chain::Chain;

/// Gives keys once, and is silent from then on.
#[derive(Clone, Debug, Default)]
struct Silent {
    asked: Arc<AtomicUsize>,
    again: Arc<Notify>,
}

impl Silent {
    async fn give(self) -> Result<aws_credential_types::Credentials, CredentialsError> {
        if self.asked.fetch_add(1, Ordering::Relaxed) > 0 {
            self.again.notify_one();
            std::future::pending::<()>().await;
        }
        let keys = aws_credential_types::Credentials::new("OLD", "secret", None, None, "silent");
        Ok(keys)
    }
}

impl ProvideCredentials for Silent {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.clone().give())
    }
}

#[tokio::test]
async fn a_refusal_stays_one_though_other_credentials_do_not_come_within_the_attempt() {
    let fake = Fake::start().await;
    let source = Silent::default();
    let url = format!("http://{}", fake.listener.local_addr().unwrap());
    let Ok(crate::transport::Endpoint::Http(url)) = url.parse() else {
        panic!("a URL");
    };
    let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
    let options = Connect {
        environment: Environment::fixed::<&str, &str>([]),
        clock: clock.clone(),
        ..Connect::default()
    };
    let mut line = Line::set_up(Some(&url), &options).await.unwrap();
    line.target = line.target.signed_by(Chain::asking(source.clone()));
    let http = Http {
        lines: Lines::over(url, line),
        options,
    };
    let refused =
        b"HTTP/1.1 400 X\r\nx-amzn-ErrorType: ExpiredTokenException\r\nContent-Length: 0\r\n\r\n";
    let time_ends = async {
        source.again.notified().await;
        clock.advance(LONG);
    };
    let (outcome, _, ()) = tokio::join!(call(&http), fake.answer_once(refused), time_ends);
    let Err(Fault::Refused(refusal)) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refusal.code(), "ExpiredTokenException");
    assert_eq!(refusal.retry(), Retry::After(None));
}
