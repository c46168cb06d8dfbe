//! Credentials of AWS's whole chain of sources, by the `aws-config` crate: environment, profile (roles, SSO,
//! processes), web identity, container, instance (IMDSv2 alone).

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_types::region::Region;
use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, OnceCell, OwnedMutexGuard};

use crate::rng::Rng;
use crate::time::Timestamp;
use crate::{Error, ErrorKind, Result, Retry};

/// How long before their end credentials are renewed, at least; up to a fifth more by chance, so that a fleet does not
/// ask in the same second.
const EARLY: Duration = Duration::from_secs(300);

/// How long a source is left alone that failed, or gave what nears its end, while that is still good.
const PATIENCE: Duration = Duration::from_secs(30);

/// The chain and what it gave.
///
/// One look-up at a time. While credentials near their end they go on being used and one task renews them; without good
/// ones, calls wait for the look-up together. A source that panics fails one look-up and nothing else.
#[derive(Clone)]
pub(super) struct Chain(Arc<Inner>);

struct Inner {
    source: Source,
    rng: Rng,
    held: Mutex<Held>,
    turn: Arc<Turn<()>>,
}

/// Where credentials come from; set up by the first look-up.
struct Source {
    profile: Option<String>,
    hosts: Hosts,
    http: SharedHttpClient,
    provider: OnceCell<SharedCredentialsProvider>,
}

/// What decides which of AWS's hosts hand out credentials.
pub(super) struct Hosts {
    pub(super) region: String,
    pub(super) fips: Option<bool>,
    pub(super) dual_stack: Option<bool>,
}

#[derive(Default)]
struct Held {
    identity: Option<Identity>,
    /// From when on to renew; never for those without an end.
    renew_at: Option<SystemTime>,
    /// When a source was asked last.
    asked_at: Option<SystemTime>,
    /// They were past their end when the source gave them, or the clock of this machine is wrong: only the service knows,
    /// so they are used.
    is_late: bool,
    /// How many look-ups have ended.
    rounds: u64,
    /// What the last one failed with.
    failure: Option<Error>,
}

impl Chain {
    pub(super) fn new(
        profile: Option<String>,
        hosts: Hosts,
        http: SharedHttpClient,
        rng: Rng,
    ) -> Self {
        Self::over(
            Source {
                profile,
                hosts,
                http,
                provider: OnceCell::new(),
            },
            rng,
        )
    }

    fn over(source: Source, rng: Rng) -> Self {
        Self(Arc::new(Inner {
            source,
            rng,
            held: Mutex::default(),
            turn: Arc::default(),
        }))
    }

    /// A chain of this one source.
    #[cfg(test)]
    pub(super) fn asking(provider: impl ProvideCredentials + 'static) -> Self {
        use aws_smithy_runtime_api::client::http::http_client_fn;
        let provider = SharedCredentialsProvider::new(provider);
        let source = Source {
            profile: None,
            hosts: Hosts {
                region: "us-east-1".to_owned(),
                fips: None,
                dual_stack: None,
            },
            http: http_client_fn(|_, _| unreachable!("nothing is asked")),
            provider: OnceCell::new_with(Some(provider)),
        };
        Self::over(source, Rng::seeded(1))
    }

    /// Credentials that are good now, as far as this machine knows.
    ///
    /// # Errors
    /// [`Unauthenticated`](ErrorKind::Unauthenticated) when no source has any; worth another try when one failed.
    pub(super) async fn identity(&self, now: Timestamp) -> Result<Identity> {
        let now = system(now);
        let (good, is_due, rounds) = {
            let held = self.0.held.lock();
            (held.good(now), held.is_due(now), held.rounds)
        };
        let Some(identity) = good else {
            return self.round(now, rounds).await;
        };
        if is_due && let Ok(turn) = self.0.turn.clone().try_lock_owned() {
            drop(tokio::spawn(self.clone().look_up(turn, now)));
        }
        Ok(identity)
    }

    /// Looks up anew because the service refused `refused`, maybe as expired. Says when to try again: now if there are
    /// others, later if their source failed or is behind with them; not at all if it gives the same ones.
    pub(super) async fn renew(
        &self,
        refused: &Identity,
        is_expired: bool,
        now: Timestamp,
    ) -> Option<Retry> {
        let now = system(now);
        let rounds = {
            let held = self.0.held.lock();
            match &held.identity {
                Some(current) if !is_same(current, refused) => return Some(Retry::Now),
                _ => held.rounds,
            }
        };
        match self.round(now, rounds).await {
            Ok(identity) if !is_same(&identity, refused) => Some(Retry::Now),
            // They have an end that the source puts off, or it is behind: it will have others.
            Ok(_) => {
                let is_behind = is_expired && refused.expiration().is_some();
                is_behind.then_some(Retry::After(None))
            }
            Err(error) => Some(error.retry()).filter(|advice| *advice != Retry::Never),
        }
    }

    /// What the look-up behind round `rounds` gave, whoever made it.
    async fn round(&self, now: SystemTime, rounds: u64) -> Result<Identity> {
        let turn = self.0.turn.clone().lock_owned().await;
        if self.0.held.lock().rounds == rounds {
            // A task of its own: it ends even if whoever asked gives up, and a panic stays in it.
            let task = tokio::spawn(self.clone().look_up(turn, now));
            if task.await.is_err() {
                self.0
                    .held
                    .lock()
                    .fail(now, source_failed().source(Panicked));
            }
        }
        let held = self.0.held.lock();
        match &held.failure {
            Some(failure) => Err(failure.clone()),
            None => held.good(now).ok_or_else(source_failed),
        }
    }

    async fn look_up(self, _turn: OwnedMutexGuard<()>, now: SystemTime) {
        // Nobody else begins, even if this one panics.
        self.0.held.lock().asked_at = Some(now);
        let provider = self.0.source.provider().await;
        let found = provider.provide_credentials().await;
        let mut held = self.0.held.lock();
        match found {
            Ok(credentials) => {
                let margin = EARLY.mul_f64(1.0 + self.0.rng.unit() / 5.0);
                let end = credentials.expiry();
                *held = Held {
                    renew_at: end.map(|end| end - margin),
                    asked_at: Some(now),
                    is_late: end.is_some_and(|end| end <= now),
                    identity: Some(credentials.into()),
                    rounds: held.rounds + 1,
                    failure: None,
                };
            }
            Err(error) => {
                tracing::warn!("credentials could not be looked up");
                let failure = match error {
                    CredentialsError::CredentialsNotLoaded(_)
                    | CredentialsError::InvalidConfiguration(_) => no_source(),
                    _ => source_failed(),
                };
                held.fail(now, failure.source(error));
            }
        }
    }
}

impl Held {
    fn good(&self, now: SystemTime) -> Option<Identity> {
        let identity = self.identity.as_ref()?;
        let is_good = identity.expiration().is_none_or(|end| now < end);
        (is_good || self.is_late).then(|| identity.clone())
    }

    /// Whether to renew. Sources hand out what they have until it nears its end, so who has little left is not asked at
    /// every call. A clock that was corrected may have gone back.
    fn is_due(&self, now: SystemTime) -> bool {
        let is_near = self.renew_at.is_some_and(|at| now >= at);
        let waited = self.asked_at.map(|asked| match now.duration_since(asked) {
            Ok(waited) => waited,
            Err(ahead) => ahead.duration(),
        });
        is_near && waited.is_none_or(|waited| waited >= PATIENCE)
    }

    fn fail(&mut self, now: SystemTime, error: Error) {
        self.rounds += 1;
        self.renew_at = Some(now);
        self.asked_at = Some(now);
        self.failure = Some(error);
    }
}

impl Source {
    async fn provider(&self) -> &SharedCredentialsProvider {
        self.provider.get_or_init(|| self.set_up()).await
    }

    async fn set_up(&self) -> SharedCredentialsProvider {
        let config = ProviderConfig::default()
            .with_http_client(self.http.clone())
            .with_region(Some(Region::new(self.hosts.region.clone())))
            .with_use_fips(self.hosts.fips)
            .with_use_dual_stack(self.hosts.dual_stack);
        match &self.profile {
            // A profile that was asked for by name wins over the environment, as in botocore.
            Some(name) => SharedCredentialsProvider::new(
                ProfileFileCredentialsProvider::builder()
                    .configure(&config)
                    .profile_name(name)
                    .build(),
            ),
            None => SharedCredentialsProvider::new(
                DefaultCredentialsChain::builder()
                    .configure(config)
                    .build()
                    .await,
            ),
        }
    }
}

/// Whether two are the same keys.
fn is_same(one: &Identity, other: &Identity) -> bool {
    let keys = |identity: &Identity| {
        let keys = identity
            .data::<aws_credential_types::Credentials>()
            .cloned();
        keys.map(|keys| {
            let token = keys.session_token().map(str::to_owned);
            (keys.access_key_id().to_owned(), token)
        })
    };
    keys(one) == keys(other)
}

fn system(now: Timestamp) -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(now.as_nanos())
}

#[derive(Debug)]
struct Panicked;

impl std::fmt::Display for Panicked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a source of credentials panicked")
    }
}

impl std::error::Error for Panicked {}

/// A source that is there, and down: it is likely to come back.
#[cold]
fn source_failed() -> Error {
    let text = "a source of credentials could not be asked or failed; it is asked again";
    Error::new(ErrorKind::Unauthenticated, text).with_retry(Retry::After(None))
}

#[cold]
fn no_source() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "no source of credentials has any: environment, profile, web identity, container, instance",
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use aws_credential_types::Credentials;
    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const LIFE: Duration = Duration::from_secs(3_600);

    /// Gives keys that are numbered and live for an hour, unless told otherwise.
    #[derive(Clone, Debug, Default)]
    struct Fake {
        asked: Arc<AtomicU64>,
        mood: Arc<Mutex<Mood>>,
    }

    #[derive(Clone, Copy, Debug, Default, PartialEq)]
    enum Mood {
        #[default]
        Good,
        /// There are none.
        Failing,
        /// The source does not answer.
        Down,
        Panicking,
        /// The same keys again.
        Stubborn,
    }

    impl Fake {
        fn chain(&self) -> Chain {
            Chain::asking(self.clone())
        }

        fn asked(&self) -> u64 {
            self.asked.load(Ordering::Relaxed)
        }

        fn turns(&self, mood: Mood) {
            *self.mood.lock() = mood;
        }

        async fn give(self) -> Result<Credentials, CredentialsError> {
            let number = self.asked.fetch_add(1, Ordering::Relaxed);
            tokio::task::yield_now().await;
            let mood = *self.mood.lock();
            let number = match mood {
                Mood::Failing => return Err(CredentialsError::not_loaded("no")),
                Mood::Down => return Err(CredentialsError::provider_error("no answer")),
                Mood::Panicking => panic!("a source panics"),
                Mood::Stubborn => 0,
                Mood::Good => number,
            };
            let end = system(NOW + LIFE * (u32::try_from(number).unwrap() + 1));
            let id = format!("KEY{number}");
            Ok(Credentials::new(id, "secret", None, Some(end), "fake"))
        }
    }

    impl ProvideCredentials for Fake {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            future::ProvideCredentials::new(self.clone().give())
        }
    }

    fn key(identity: &Identity) -> String {
        let keys = identity.data::<Credentials>().unwrap();
        keys.access_key_id().to_owned()
    }

    /// Lets a renewal in the background come to its end.
    async fn settle() {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn many_calls_look_up_once_and_share_what_it_gave() {
        let fake = Fake::default();
        let chain = fake.chain();
        let calls = (0..64).map(|_| chain.identity(NOW));
        for identity in futures_util::future::join_all(calls).await {
            assert_eq!(key(&identity.unwrap()), "KEY0");
        }
        assert_eq!(fake.asked(), 1);
    }

    #[tokio::test]
    async fn credentials_are_renewed_before_their_end_while_calls_go_on_with_the_old() {
        let fake = Fake::default();
        let chain = fake.chain();
        chain.identity(NOW).await.unwrap();
        let far = NOW + (LIFE - EARLY.mul_f64(1.2) - Duration::from_secs(1));
        chain.identity(far).await.unwrap();
        settle().await;
        assert_eq!(fake.asked(), 1);
        let near = NOW + (LIFE - EARLY + Duration::from_secs(1));
        for _ in 0..10 {
            assert_eq!(key(&chain.identity(near).await.unwrap()), "KEY0");
        }
        settle().await;
        assert_eq!(key(&chain.identity(near).await.unwrap()), "KEY1");
        assert_eq!(fake.asked(), 2);
    }

    /// Elsewhere a refresh that failed ended all refreshing.
    #[tokio::test]
    async fn ledger_14_a_source_that_fails_or_panics_is_asked_again_and_what_is_good_stays_in_use()
    {
        let fake = Fake::default();
        let chain = fake.chain();
        chain.identity(NOW).await.unwrap();
        let near = NOW + (LIFE - EARLY + Duration::from_secs(1));
        for (mood, asked) in [(Mood::Failing, 2), (Mood::Panicking, 3)] {
            fake.turns(mood);
            let at = near + PATIENCE * u32::try_from(asked).unwrap();
            for _ in 0..10 {
                assert_eq!(key(&chain.identity(at).await.unwrap()), "KEY0");
                settle().await;
            }
            assert_eq!(fake.asked(), asked);
        }
        // At their end the failure shows, and nothing else is broken.
        let error = chain.identity(NOW + LIFE).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated);
        fake.turns(Mood::Good);
        assert_eq!(key(&chain.identity(NOW + LIFE).await.unwrap()), "KEY4");
    }

    #[tokio::test]
    async fn refused_credentials_are_renewed_once_for_all_calls_that_were_refused() {
        let fake = Fake::default();
        let chain = fake.chain();
        let refused = chain.identity(NOW).await.unwrap();
        let calls = (0..64).map(|_| chain.renew(&refused, false, NOW));
        let renewed = futures_util::future::join_all(calls).await;
        let is_renewed = |advice| advice == Some(Retry::Now);
        assert!(renewed.into_iter().all(is_renewed));
        assert_eq!(fake.asked(), 2);
        assert_eq!(key(&chain.identity(NOW).await.unwrap()), "KEY1");
    }

    #[tokio::test]
    async fn a_source_that_gives_the_refused_credentials_again_gives_no_hope() {
        let fake = Fake::default();
        fake.turns(Mood::Stubborn);
        let chain = fake.chain();
        let refused = chain.identity(NOW).await.unwrap();
        assert_eq!(chain.renew(&refused, false, NOW).await, None);
    }

    #[tokio::test]
    async fn a_source_that_fails_for_a_while_is_no_lack_of_credentials() {
        for (mood, advice) in [
            (Mood::Failing, Retry::Never),
            (Mood::Down, Retry::After(None)),
            (Mood::Panicking, Retry::After(None)),
        ] {
            let fake = Fake::default();
            let chain = fake.chain();
            let refused = chain.identity(NOW).await.unwrap();
            fake.turns(mood);
            let error = chain.identity(NOW + LIFE).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unauthenticated);
            assert_eq!(error.retry(), advice, "{mood:?}");
            let hope = Some(advice).filter(|advice| *advice != Retry::Never);
            assert_eq!(chain.renew(&refused, false, NOW).await, hope, "{mood:?}");
        }
    }

    #[tokio::test]
    async fn credentials_near_their_end_are_asked_for_again_once_in_a_while() {
        let fake = Fake::default();
        fake.turns(Mood::Stubborn);
        let chain = fake.chain();
        let near = NOW + (LIFE - PATIENCE * 3);
        for (after, asked) in [(Duration::ZERO, 1), (PATIENCE, 2), (PATIENCE * 2, 3)] {
            for _ in 0..10 {
                assert_eq!(key(&chain.identity(near + after).await.unwrap()), "KEY0");
                settle().await;
            }
            assert_eq!(fake.asked(), asked);
        }
        fake.turns(Mood::Good);
        let end = NOW + LIFE;
        assert_eq!(key(&chain.identity(end).await.unwrap()), "KEY3");
    }

    /// By a clock that is wrong all that is new has ended, and only an answer of the service corrects it.
    #[tokio::test]
    async fn credentials_that_came_past_their_end_are_used_and_asked_for_again_once_in_a_while() {
        let fake = Fake::default();
        fake.turns(Mood::Stubborn);
        let chain = fake.chain();
        let late = NOW + LIFE * 10;
        for (after, asked) in [(Duration::ZERO, 1), (PATIENCE, 2)] {
            for _ in 0..10 {
                assert_eq!(key(&chain.identity(late + after).await.unwrap()), "KEY0");
                settle().await;
            }
            assert_eq!(fake.asked(), asked);
        }
        // By the corrected clock they are fresh.
        chain.identity(NOW).await.unwrap();
        settle().await;
        assert_eq!(fake.asked(), 2);
    }

    #[tokio::test]
    async fn a_source_that_is_behind_with_what_it_gives_is_worth_another_try_later() {
        let fake = Fake::default();
        fake.turns(Mood::Stubborn);
        let chain = fake.chain();
        let refused = chain.identity(NOW).await.unwrap();
        let later = Some(Retry::After(None));
        assert_eq!(chain.renew(&refused, true, NOW).await, later);
        fake.turns(Mood::Good);
        assert_eq!(chain.renew(&refused, true, NOW).await, Some(Retry::Now));
    }
}
