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
    pub(crate) run: fn(&service::Service<'_>),
}

impl Behaviour {
    fn in_process(&self) {
        service::Service::in_process(self.setup, self.run);
    }
}

#[test]
fn behaviours_have_names_of_their_own_and_name_their_evidence() {
    let rooms = [
        listing::ALL,
        quotas::ALL,
        reading::ALL,
        resharding::ALL,
        settings::ALL,
        streams::ALL,
        writing::ALL,
    ];
    let mut names: Vec<_> = rooms.iter().flat_map(|all| all.iter()).collect();
    assert!(names.iter().all(|one| !one.evidence.is_empty()));
    let count = names.len();
    names.sort_by_key(|one| one.name);
    names.dedup_by_key(|one| one.name);
    assert_eq!(names.len(), count, "two behaviours share a name");
}
