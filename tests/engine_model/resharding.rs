//! SplitShard, MergeShards and UpdateShardCount.

use kinetik::api::{MergeShardsInput, SplitShardInput, UpdateShardCountInput};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, arn, name, unless};
use crate::quotas::used_up;
use crate::shards::{Shard, even, parents_of, place_of, range_of, shard_id};
use crate::streams::Stream;
use crate::world::{SHARD_LIMIT, World, pick};

/// Within this many points, a wanted boundary may be one that is there already.
fn near(a: u128, b: u128, target: usize) -> bool {
    a.abs_diff(b) <= target as u128
}

/// What an update of a stream ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Nothing,
    Split {
        shard: usize,
        at: u128,
    },
    Merge {
        lower: usize,
        upper: usize,
    },
    Count {
        target: usize,
    },
    /// Every shard that took too much in the minute that began then.
    Halve {
        since: u64,
    },
}

#[derive(Clone, Debug)]
pub enum Step {
    Split {
        stream: Address,
        shard: Which,
        point: Point,
    },
    Merge {
        stream: Address,
        lower: Which,
        upper: Upper,
    },
    Count {
        stream: Address,
        target: u8,
    },
}

/// A shard of a stream, as a program chooses it.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    Open(u8),
    Any(u8),
    /// The same by its number alone, which the service reads too.
    Short(u8),
    Unknown,
    Unreadable,
}

#[derive(Clone, Copy, Debug)]
pub enum Point {
    /// So many quarters of 2^64 above the start.
    Within(u64),
    /// So many points above the start.
    Above(u8),
    /// So many points below the end.
    Below(u8),
}

#[derive(Clone, Copy, Debug)]
pub enum Upper {
    Next,
    /// The next one first: the wrong order.
    Swapped,
    Another(Which),
}

pub fn which() -> impl Strategy<Value = Which> + Clone {
    prop_oneof![
        12 => any::<u8>().prop_map(Which::Open),
        4 => any::<u8>().prop_map(Which::Any),
        2 => any::<u8>().prop_map(Which::Short),
        1 => Just(Which::Unknown),
        1 => Just(Which::Unreadable),
    ]
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let point = prop_oneof![
        8 => any::<u64>().prop_map(Point::Within),
        1 => (0_u8..4).prop_map(Point::Above),
        1 => (0_u8..3).prop_map(Point::Below),
    ];
    let upper = prop_oneof![8 => Just(Upper::Next), 1 => Just(Upper::Swapped), 1 => which().prop_map(Upper::Another)];
    prop_oneof![
        4 => (address(), which(), point).prop_map(|(stream, shard, point)| Step::Split { stream, shard, point }),
        4 => (address(), which(), upper).prop_map(|(stream, lower, upper)| Step::Merge { stream, lower, upper }),
        2 => (address(), 0_u8..10).prop_map(|(stream, target)| Step::Count { stream, target }),
    ]
}

impl Which {
    /// Text that names no shard of any stream is seen first: reference/kinesis-api.md 5.3.
    fn is_readable(self) -> Verdict {
        unless(matches!(self, Self::Unreadable), Refused::Missing)
    }

    /// The shard's place, and the text that names it.
    pub fn of(self, stream: Option<&Stream>) -> (usize, String) {
        let shards = stream.map_or(1, |stream| stream.shards.len());
        let any = |number| pick(number, shards).unwrap_or(0);
        let place = match self {
            Self::Open(number) => {
                let open = stream.map_or_else(|| vec![0], Stream::open);
                pick(number, open.len()).map_or(0, |at| open[at])
            }
            Self::Any(number) | Self::Short(number) => any(number),
            Self::Unknown | Self::Unreadable => shards + 7,
        };
        let text = match self {
            Self::Short(_) => place.to_string(),
            Self::Unreadable => "shard-one".into(),
            _ => shard_id(place),
        };
        (place, text)
    }
}

impl Upper {
    fn named(self) -> Option<Which> {
        match self {
            Self::Another(which) => Some(which),
            Self::Next | Self::Swapped => None,
        }
    }
}

impl World {
    pub fn run_shard(&mut self, step: Step) {
        match step {
            Step::Split {
                stream,
                shard,
                point,
            } => self.split(stream, shard, point),
            Step::Merge {
                stream,
                lower,
                upper,
            } => self.merge(stream, lower, upper),
            Step::Count { stream, target } => self.count(stream, target),
        }
    }

    fn split(&mut self, stream: Address, shard: Which, point: Point) {
        let model = self.streams.get(&stream.stream);
        let (place, text) = shard.of(model);
        let parent = model.and_then(|model| model.shards.get(place));
        let (start, end) = parent.map_or((0, u128::MAX), |shard| (shard.start, shard.end));
        let at = match point {
            Point::Within(quarters) => start.saturating_add(u128::from(quarters) << 62).min(end),
            Point::Above(points) => start.saturating_add(points.into()),
            Point::Below(points) => end.saturating_sub(points.into()),
        };
        let input = SplitShardInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            shard_to_split: Some(text.into()),
            new_starting_hash_key: Some(at.to_string().into()),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|stream| {
            shard.is_readable()?;
            stream.active()?;
            stream.is_there(place)?;
            unless(stream.on_demand, Refused::Validation)?;
            unless(self.open_shards() + 1 > SHARD_LIMIT, Refused::Limit)?;
            let is_inside = start.checked_add(1).is_some_and(|next| next < at) && at < end;
            unless(!is_inside, Refused::Argument)?;
            stream.is_open(place)
        });
        if self.expect(input, stream.about(), verdict).is_some() {
            self.update(stream.stream, Change::Split { shard: place, at });
        }
    }

    fn merge(&mut self, stream: Address, lower: Which, upper: Upper) {
        let model = self.streams.get(&stream.stream);
        let readable = [Some(lower), upper.named()];
        let (mut lower, mut lower_text) = lower.of(model);
        let next = model.and_then(|model| model.next_of(lower));
        let next = next.map(|next| (next, shard_id(next)));
        let is_swapped = matches!(upper, Upper::Swapped);
        let (mut upper, mut upper_text) = match upper {
            Upper::Another(which) => which.of(model),
            Upper::Next | Upper::Swapped if next.is_none() => return,
            Upper::Next | Upper::Swapped => next.unwrap(),
        };
        if is_swapped {
            std::mem::swap(&mut lower, &mut upper);
            std::mem::swap(&mut lower_text, &mut upper_text);
        }
        let input = MergeShardsInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            shard_to_merge: Some(lower_text.into()),
            adjacent_shard_to_merge: Some(upper_text.into()),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|stream| {
            readable
                .into_iter()
                .flatten()
                .try_for_each(Which::is_readable)?;
            stream.active()?;
            stream.is_there(lower)?;
            stream.is_there(upper)?;
            unless(stream.on_demand, Refused::Validation)?;
            stream.is_open(lower)?;
            stream.is_open(upper)?;
            unless(stream.next_of(lower) != Some(upper), Refused::Argument)
        });
        if self.expect(input, stream.about(), verdict).is_some() {
            self.update(stream.stream, Change::Merge { lower, upper });
        }
    }

    fn count(&mut self, stream: Address, target: u8) {
        let input = UpdateShardCountInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            target_shard_count: Some(target.into()),
            scaling_type: Some("UNIFORM_SCALING".into()),
            ..Default::default()
        };
        let target = usize::from(target);
        let verdict = match target {
            0 => Err(Refused::Constraint),
            _ => self
                .find(stream)
                .and_then(|stream| self.may_count(stream, target)),
        };
        let Some(output) = self.expect(input, stream.about(), verdict) else {
            return;
        };
        let (now, number) = (self.now, stream.stream);
        let model = self.streams.get_mut(&number).unwrap();
        assert_eq!(
            output.current_shard_count.map(|count| count as usize),
            Some(model.open().len())
        );
        assert_eq!(
            output.target_shard_count.map(|count| count as usize),
            Some(target)
        );
        assert_eq!(output.stream_name.as_deref(), Some(&*name(number)));
        assert_eq!(output.stream_arn.as_deref(), Some(&*arn(number)));
        model.rescalings.push(now);
        self.update(number, Change::Count { target });
    }

    fn may_count(&self, stream: &Stream, target: usize) -> Verdict {
        stream.active()?;
        unless(stream.on_demand, Refused::Validation)?;
        let open = stream.open().len();
        unless(target > open * 2 || target * 2 < open, Refused::Limit)?;
        let others = self.open_shards() - open;
        let most = open + stream.cuts(target);
        unless(most > open && others + most > SHARD_LIMIT, Refused::Limit)?;
        unless(
            self.quotas && used_up(&stream.rescalings, self.now, 10),
            Refused::Limit,
        )
    }

    /// Carries out what an update ends with, at its time.
    pub fn reshard(&mut self, stream: u8, change: Change, time: u64) {
        let model = self.streams.get_mut(&stream).unwrap();
        match change {
            Change::Nothing => {}
            Change::Split { shard, at } => {
                let (start, end) = (model.shards[shard].start, model.shards[shard].end);
                model.close(shard, time);
                model
                    .shards
                    .push(Shard::new((start, at - 1), vec![shard], time));
                model.shards.push(Shard::new((at, end), vec![shard], time));
            }
            Change::Merge { lower, upper } => {
                let range = (model.shards[lower].start, model.shards[upper].end);
                model.close(lower, time);
                model.close(upper, time);
                model
                    .shards
                    .push(Shard::new(range, vec![lower, upper], time));
            }
            Change::Count { target } => self.scale(stream, target, time),
            Change::Halve { since } => self.halve(stream, since, time),
        }
    }

    /// Which splits and merges lead to the target is the service's affair; each must be a true one, and what is open in
    /// the end as wide as the shards of a fresh stream.
    fn scale(&mut self, stream: u8, target: usize, time: u64) {
        let told = self.list_all(stream);
        let model = self.streams.get_mut(&stream).unwrap();
        let (known, was_open) = (model.shards.len(), model.open());
        for told in told.iter().filter(|told| place_of(&told.shard_id) >= known) {
            assert_eq!(
                place_of(&told.shard_id),
                model.shards.len(),
                "ids go on without a gap"
            );
            let parents = parents_of(told);
            for &parent in &parents {
                assert!(parent >= known || was_open.contains(&parent));
                model.shards[parent].closed = Some(time);
            }
            model.shards.push(Shard::new(range_of(told), parents, time));
        }
        let range = |place: usize| (model.shards[place].start, model.shards[place].end);
        for parent in 0..model.shards.len() {
            let born =
                |&child: &usize| child >= known && model.shards[child].parents.contains(&parent);
            let children: Vec<_> = (0..model.shards.len()).filter(born).collect();
            match children[..] {
                [] => {}
                [one] => {
                    let parents: Vec<_> = model.shards[one]
                        .parents
                        .iter()
                        .map(|&parent| range(parent))
                        .collect();
                    let [lower, upper] = parents[..] else {
                        panic!("a merge has two parents")
                    };
                    assert_eq!(lower.1 + 1, upper.0);
                    assert_eq!(range(one), (lower.0, upper.1));
                }
                [lower, upper] => {
                    assert_eq!(model.shards[lower].parents, model.shards[upper].parents);
                    assert_eq!(range(lower).1 + 1, range(upper).0);
                    assert_eq!((range(lower).0, range(upper).1), range(parent));
                }
                _ => panic!("a shard has at most two children"),
            }
        }
        let mut open: Vec<_> = model.open().into_iter().map(range).collect();
        open.sort();
        assert_eq!(open.len(), target);
        assert!(
            open.iter()
                .zip(even(target))
                .all(|(is, wanted)| near(is.0, wanted.0, target))
        );
    }
}

impl Stream {
    fn is_there(&self, place: usize) -> Verdict {
        self.shard(place).map(|_| ()).ok_or(Refused::Missing)
    }

    fn is_open(&self, place: usize) -> Verdict {
        let shard = self.shard(place).ok_or(Refused::Missing)?;
        unless(shard.closed.is_some(), Refused::Argument)
    }

    /// How often shards are split on the way to another count: at each wanted boundary that is not there.
    fn cuts(&self, target: usize) -> usize {
        let open = self.open();
        let is_there = |at: u128| {
            open.iter()
                .any(|&place| near(self.shards[place].start, at, target))
        };
        let wanted = even(target).into_iter().skip(1);
        wanted.filter(|&(start, _)| !is_there(start)).count()
    }

    /// The open shard whose range follows that of another.
    fn next_of(&self, lower: usize) -> Option<usize> {
        let next = self.shards.get(lower)?.end.checked_add(1)?;
        self.open()
            .into_iter()
            .find(|&place| self.shards[place].start == next)
    }

    fn close(&mut self, place: usize, time: u64) {
        let before = self.shards[place].closed.replace(time);
        assert_eq!(before, None, "a shard is closed once");
    }
}
