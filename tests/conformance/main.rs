//! The behaviours of Amazon Kinesis that kinetik keeps, each by name. Expected values come from the reference, never
//! from the engine's own output. A behaviour is a function over a [`service::Service`], so that one list serves every
//! way to a service; those of the wire itself are functions over a [`wire::Wire`].

mod account;
mod addressing;
mod constraints;
mod consumers;
mod encryption;
mod fan_out;
mod formats;
mod growth;
mod limits;
mod listing;
mod modes;
mod order;
mod quotas;
mod rates;
mod reading;
mod resharding;
mod resources;
mod retention;
mod rows;
mod service;
mod settings;
mod streams;
mod wire;
mod writing;

use service::{Service, Way};

/// Declares behaviours: each is a test over every way to a service, and a member of the module's `ALL`.
///
/// The text before a name says where the behaviour is known from: an evidence tag and section of
/// reference/kinesis-api.md, a row of the regression ledger, or kinetik's choice.
macro_rules! behaviours {
    ($($evidence:literal $name:ident $setup_value:expr => $body:expr;)+) => {
        /// Every behaviour of this module: name, evidence, what it wants, and how it is shown.
        pub(crate) const ALL: &[$crate::Behaviour] = &[$($crate::Behaviour {
            name: stringify!($name),
            evidence: $evidence,
            setup: $setup_value,
            run: $body,
        },)+];

        mod in_process {
            $(#[test]
            fn $name() {
                $crate::run(super::ALL, stringify!($name), $crate::service::Way::InProcess);
            })+
        }

        mod over_json {
            $(#[test]
            fn $name() {
                $crate::run(super::ALL, stringify!($name), $crate::service::Way::Json);
            })+
        }

        mod over_cbor {
            $(#[test]
            fn $name() {
                $crate::run(super::ALL, stringify!($name), $crate::service::Way::Cbor);
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

/// Shows one of a module's behaviours.
pub(crate) fn run(module: &[Behaviour], name: &str, way: Way) {
    let wanted = module.iter().find(|one| one.name == name);
    let wanted = wanted.expect("declared together");
    Service::run(way, wanted.setup, wanted.run);
}

/// The behaviours of each module that is shown over every way to a service.
const SERVICE: &[&[Behaviour]] = &[
    account::ALL,
    addressing::ALL,
    constraints::ALL,
    consumers::ALL,
    encryption::ALL,
    fan_out::ALL,
    formats::ALL,
    growth::ALL,
    limits::ALL,
    listing::ALL,
    modes::ALL,
    order::ALL,
    quotas::ALL,
    rates::ALL,
    reading::ALL,
    resharding::ALL,
    resources::ALL,
    retention::ALL,
    settings::ALL,
    streams::ALL,
    writing::ALL,
];

/// Name and evidence of every behaviour.
pub(crate) fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let service = SERVICE.iter().copied().flatten();
    let wire = wire::ALL.iter().copied().flatten();
    service
        .map(|one| (one.name, one.evidence))
        .chain(wire.map(|one| (one.name, one.evidence)))
}

#[test]
fn behaviours_have_names_of_their_own() {
    let mut names: Vec<_> = all().map(|(name, _)| name).collect();
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), count, "two behaviours share a name");
}

/// M, D, K, L, I, S, W, F: a source and the section that tells of it. What the reference leaves open (`?`) is marked as
/// kinetik's own.
#[test]
fn behaviours_name_their_evidence_or_say_that_they_are_kinetiks_choice() {
    let sourced = |evidence: &str| {
        let tag = evidence.split([' ', ',', ';']).next().unwrap_or_default();
        matches!(
            tag,
            "M" | "D" | "K" | "L" | "I" | "S" | "W" | "F" | "ledger" | "issue"
        )
    };
    for (name, evidence) in all() {
        let choice = evidence.contains("kinetik");
        assert!(sourced(evidence) || choice, "{name}: {evidence:?}");
    }
}
