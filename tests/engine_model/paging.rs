//! Listings and their pages: ListStreams, ListShards and ListStreamConsumers.

use bytestring::ByteString;
use kinetik::api::{ListShardsInput, ListStreamConsumersInput, ListStreamsInput, ShardFilter};
use proptest::prelude::*;

use crate::address::{Address, Refused, address, arn, name, stream, unless};
use crate::lifetime::HOUR;
use crate::shards::{Filter, shard_id};
use crate::world::{World, at, pick};

const TOKEN_LIFE: u64 = 300_000;

/// A token that was given, and where it goes on.
#[derive(Clone, Debug)]
pub struct Page {
    token: ByteString,
    issued: u64,
    of: Listing,
}

#[derive(Clone, Copy, Debug)]
pub enum Listing {
    /// Names above one.
    Streams { after: u8 },
    /// Places above one.
    Shards {
        stream: u8,
        incarnation: u32,
        filter: Filter,
        after: usize,
    },
    /// Numbers above one.
    Consumers {
        stream: u8,
        incarnation: u32,
        after: u8,
    },
}

#[derive(Clone, Debug)]
pub enum Step {
    Streams {
        limit: Option<u8>,
        after: Option<u8>,
    },
    Shards {
        stream: Address,
        filter: Asked,
        after: Option<u8>,
        limit: Option<u8>,
        created: Created,
    },
    Consumers {
        stream: u8,
        limit: Option<u8>,
        created: Created,
    },
    /// Goes on with a token, with or without naming the stream beside it, which is one name too many for some.
    Turn {
        page: u8,
        limit: Option<u8>,
        named: bool,
    },
    Forged {
        shards: bool,
    },
}

/// The filter as a program holds it: times count back from now.
#[derive(Clone, Copy, Debug)]
pub enum Asked {
    Nothing,
    FromTrimHorizon,
    AtTrimHorizon,
    AtLatest,
    At { back: u64 },
    From { back: u64 },
    After { place: u8 },
    AtNoTime,
}

/// The stream's creation time beside its name.
#[derive(Clone, Copy, Debug)]
pub enum Created {
    Unsaid,
    Right,
    Wrong,
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let limit = || prop::option::of(1_u8..4);
    let back = || prop_oneof![0_u64..5_000, 0..2 * HOUR, 0..50 * HOUR];
    let filter = prop_oneof![
        2 => Just(Asked::Nothing),
        1 => Just(Asked::FromTrimHorizon),
        2 => Just(Asked::AtTrimHorizon),
        2 => Just(Asked::AtLatest),
        3 => back().prop_map(|back| Asked::At { back }),
        2 => back().prop_map(|back| Asked::From { back }),
        1 => (0_u8..6).prop_map(|place| Asked::After { place }),
        1 => Just(Asked::AtNoTime),
    ];
    let created = || prop_oneof![6 => Just(Created::Unsaid), 1 => Just(Created::Right), 1 => Just(Created::Wrong)];
    let streams = (limit(), prop::option::of(stream()))
        .prop_map(|(limit, after)| Step::Streams { limit, after });
    let shards = (
        address(),
        filter,
        prop::option::weighted(0.2, 0_u8..6),
        limit(),
        created(),
    );
    let shards = shards.prop_map(|(stream, filter, after, limit, created)| Step::Shards {
        stream,
        filter,
        after,
        limit,
        created,
    });
    let consumers =
        (stream(), limit(), created()).prop_map(|(stream, limit, created)| Step::Consumers {
            stream,
            limit,
            created,
        });
    let turn = (any::<u8>(), limit(), prop::bool::weighted(0.1))
        .prop_map(|(page, limit, named)| Step::Turn { page, limit, named });
    prop_oneof![
        2 => streams,
        4 => shards,
        2 => consumers,
        5 => turn,
        1 => any::<bool>().prop_map(|shards| Step::Forged { shards }),
    ]
}

impl World {
    pub fn run_page(&mut self, step: Step) {
        match step {
            Step::Streams { limit, after } => {
                let input = ListStreamsInput {
                    exclusive_start_stream_name: after.map(|after| name(after).into()),
                    ..Default::default()
                };
                self.list_streams(input, limit, after, Ok(()));
            }
            Step::Shards {
                stream,
                filter,
                after,
                limit,
                created,
            } => {
                self.list_shards(stream, filter, after, limit, created);
            }
            Step::Consumers {
                stream,
                limit,
                created,
            } => {
                let input = ListStreamConsumersInput {
                    stream_arn: Some(arn(stream).into()),
                    stream_creation_timestamp: self.creation(stream, created),
                    ..Default::default()
                };
                let wrong = matches!(created, Created::Wrong);
                let verdict = self
                    .known(stream)
                    .and_then(|_| unless(wrong, Refused::Missing));
                self.list_consumers(input, stream, limit, None, verdict);
            }
            Step::Turn { page, limit, named } => self.turn(page, limit, named),
            Step::Forged { shards } => self.forged(shards),
        }
    }

    fn list_shards(
        &mut self,
        stream: Address,
        asked: Asked,
        after: Option<u8>,
        limit: Option<u8>,
        created: Created,
    ) {
        let ago = |back| self.now - back;
        let (filter, beyond) = match asked {
            Asked::Nothing | Asked::FromTrimHorizon | Asked::AtNoTime => (Filter::All, None),
            Asked::AtTrimHorizon => (Filter::AtTrimHorizon, None),
            Asked::AtLatest => (Filter::AtLatest, None),
            Asked::At { back } => (Filter::At(ago(back)), None),
            Asked::From { back } => (Filter::From(ago(back)), None),
            Asked::After { place } => (Filter::All, Some(place)),
        };
        let shard = |place: u8| ByteString::from(shard_id(place.into()));
        let input = ListShardsInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            exclusive_start_shard_id: after.map(shard),
            stream_creation_timestamp: self.creation(stream.stream, created),
            shard_filter: asked.filter(self.now),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|_| {
            unless(matches!(created, Created::Wrong), Refused::Missing)?;
            unless(matches!(asked, Asked::AtNoTime), Refused::Argument)
        });
        let after = after.max(beyond).map(usize::from);
        self.list_some_shards(
            input,
            stream.about(),
            stream.stream,
            (filter, after),
            limit,
            verdict,
        );
    }

    fn turn(&mut self, page: u8, limit: Option<u8>, named: bool) {
        let Some(place) = pick(page, self.pages.len()) else {
            return;
        };
        let page = self.pages[place].clone();
        let aged = unless(self.now - page.issued > TOKEN_LIFE, Refused::ExpiredToken);
        let alone = unless(named, Refused::Argument);
        let next_token = Some(page.token);
        match page.of {
            Listing::Streams { after } => {
                let exclusive_start_stream_name = named.then(|| name(after).into());
                let input = ListStreamsInput {
                    next_token,
                    exclusive_start_stream_name,
                    ..Default::default()
                };
                // The token wins over a name beside it.
                self.list_streams(input, limit, Some(after), aged);
            }
            Listing::Shards {
                stream,
                incarnation,
                filter,
                after,
            } => {
                let stream_name = named.then(|| name(stream).into());
                let input = ListShardsInput {
                    next_token,
                    stream_name,
                    ..Default::default()
                };
                let known = self.known(stream).map(|stream| stream.incarnation);
                let same = known.and_then(|known| unless(known != incarnation, Refused::Missing));
                let verdict = alone.and(aged).and(same);
                let about = named.then_some(stream);
                self.list_some_shards(input, about, stream, (filter, Some(after)), limit, verdict);
            }
            // The stream is always named here; its creation time is what must not be.
            Listing::Consumers {
                stream,
                incarnation,
                after,
            } => {
                let stream_creation_timestamp = named.then(|| at(self.now));
                let stream_arn = Some(arn(stream).into());
                let input = ListStreamConsumersInput {
                    next_token,
                    stream_arn,
                    stream_creation_timestamp,
                    ..Default::default()
                };
                let known = self.known(stream).map(|stream| stream.incarnation);
                let verdict = known.and_then(|known| {
                    alone.and(aged)?;
                    unless(known != incarnation, Refused::Argument)
                });
                self.list_consumers(input, stream, limit, Some(after), verdict);
            }
        }
    }

    fn forged(&mut self, shards: bool) {
        let next_token = Some("AAAA".into());
        let wrong = Err(Refused::Argument);
        if shards {
            let input = ListShardsInput {
                next_token,
                ..Default::default()
            };
            self.expect(input, None, wrong);
        } else {
            let input = ListStreamsInput {
                next_token,
                ..Default::default()
            };
            self.expect(input, None, wrong);
        }
    }

    pub fn note_page(&mut self, token: Option<ByteString>, of: Option<Listing>) {
        assert_eq!(
            token.is_some(),
            of.is_some(),
            "a token stands where there is more"
        );
        let issued = self.now;
        let page = token.zip(of).map(|(token, of)| Page { token, issued, of });
        self.pages.extend(page);
    }

    fn creation(&self, stream: u8, created: Created) -> Option<kinetik::time::Timestamp> {
        let right = self.streams.get(&stream).map_or(0, |stream| stream.created);
        match created {
            Created::Unsaid => None,
            Created::Right => Some(at(right)),
            Created::Wrong => Some(at(right + 1_000)),
        }
    }
}

impl Asked {
    fn filter(self, now: u64) -> Option<ShardFilter> {
        let (kind, place, time) = match self {
            Self::Nothing => return None,
            Self::FromTrimHorizon => ("FROM_TRIM_HORIZON", None, None),
            Self::AtTrimHorizon => ("AT_TRIM_HORIZON", None, None),
            Self::AtLatest => ("AT_LATEST", None, None),
            Self::At { back } => ("AT_TIMESTAMP", None, Some(now - back)),
            Self::From { back } => ("FROM_TIMESTAMP", None, Some(now - back)),
            Self::After { place } => ("AFTER_SHARD_ID", Some(place), None),
            Self::AtNoTime => ("AT_TIMESTAMP", None, None),
        };
        Some(ShardFilter {
            r#type: Some(kind.into()),
            shard_id: place.map(|place| shard_id(place.into()).into()),
            timestamp: time.map(at),
        })
    }
}
