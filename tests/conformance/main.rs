//! The behaviours of Amazon Kinesis that kinetik keeps, each by name. Expected values come from the reference, never
//! from the engine's own output. A behaviour is a function over a [`service::Service`], so that one list serves every
//! way to a service.

mod listing;
mod quotas;
mod reading;
mod resharding;
mod service;
mod settings;
mod streams;
mod writing;

use service::Service;

/// Declares behaviours: each is a test over the in-process way, and a member of the module's `ALL` for others.
///
/// The text before a name says where the behaviour is known from: an evidence tag and section of
/// reference/kinesis-api.md, or a row of the regression ledger.
macro_rules! behaviours {
    ($($evidence:literal $name:ident $setup_value:expr => $body:expr;)+) => {
        /// Every behaviour of this module: name, evidence, what it wants, and how it is shown.
        pub(crate) const ALL: &[$crate::Behaviour] = &[$($crate::Behaviour {
            name: stringify!($name),
            evidence: $evidence,
            setup: $setup_value,
            run: $body,
        },)+];

        #[cfg(test)]
        mod in_process {
            $(#[test]
            fn $name() {
                let wanted = super::ALL.iter().find(|one| one.name == stringify!($name));
                wanted.expect("declared together").in_process();
            })+
        }
    };
}
pub(crate) use behaviours;

/// One behaviour of the service.
pub(crate) struct Behaviour {
    pub(crate) name: &'static str,
    pub(crate) evidence: &'static str,
    pub(crate) setup: service::Setup,
    pub(crate) run: fn(&Service<'_>),
}

impl Behaviour {
    fn in_process(&self) {
        Service::in_process(self.setup, self.run);
    }
}

fn all() -> impl Iterator<Item = &'static Behaviour> {
    let rooms = [
        listing::ALL,
        quotas::ALL,
        reading::ALL,
        resharding::ALL,
        settings::ALL,
        streams::ALL,
        writing::ALL,
    ];
    rooms.into_iter().flatten()
}

/// The same results over HTTP in JSON 1.1, through the HTTP client and the server.
#[test]
fn every_behaviour_is_the_same_over_http() {
    let broken: Vec<_> = all()
        .filter(|one| std::panic::catch_unwind(|| Service::over_http(one.setup, one.run)).is_err())
        .map(|one| one.name)
        .collect();
    assert!(broken.is_empty(), "{broken:?}");
}

#[test]
fn behaviours_have_names_of_their_own_and_name_their_evidence() {
    let mut names: Vec<_> = all().collect();
    assert!(names.iter().all(|one| !one.evidence.is_empty()));
    let count = names.len();
    names.sort_by_key(|one| one.name);
    names.dedup_by_key(|one| one.name);
    assert_eq!(names.len(), count, "two behaviours share a name");
}
