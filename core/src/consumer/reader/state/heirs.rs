//! Heirs: the shards that hold what would come behind a shard's end. A listing that lies behind does not show them, and a
//! reader that knows none would stop there in silence.

use super::*;

/// Shards that ended and whose heirs are looked for, and when a listing is looked at for that.
#[derive(Default)]
pub(super) struct Heirs {
    missing: BTreeSet<ShardId>,
    /// Since when some are missing, and how many listings did not show them.
    since: Option<Moment>,
    looks: u32,
    /// When the next listing is asked for, and when the last one was.
    at: Option<Moment>,
    listed_at: Option<Moment>,
    /// With an end now: what was there at opening is known, and children that come were made since.
    is_settled: bool,
}

/// How far a listing may lie behind: one that was asked for so long after opening shows all that was there then.
const LISTINGS_LAG: Duration = Duration::from_secs(60);
/// How often a listing is looked at because shards without news may have been closed.
const LOOKS_AT_IDLE: Duration = Duration::from_secs(60);

impl Heirs {
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty()
    }

    pub fn look_at(&self) -> Option<Moment> {
        self.at
    }

    fn look_by(&mut self, at: Moment) {
        self.at = Some(self.at.map_or(at, |before| before.min(at)));
    }
}

impl State {
    /// Looks for heirs of the shards that were read to their ends before, where the first listing showed none.
    pub(super) fn seek_heirs_at_opening(&mut self) {
        let is_latest = |shard: &Shard| shard.cursor == Cursor::Latest;
        if self.settings.until == Until::Now && self.shards.values().any(is_latest) {
            // What is younger has nothing behind the newest record of now.
            self.heirs.is_settled = true;
        }
        let is_over = |shard: &&Shard| shard.stage == Stage::Done { ended: true };
        let over = self.shards.values().filter(is_over);
        let over: Vec<_> = over.map(|shard| shard.info.id).collect();
        for id in over {
            self.seek_heirs(self.settings.opened, id);
        }
    }

    /// Looks for the heirs of a shard that ended, unless they are known.
    pub(super) fn seek_heirs(&mut self, now: Moment, id: ShardId) {
        let is_planted = planted(Bug::FollowsFirstChild) || planted(Bug::ForgetsMergedChild);
        if !self.heirs.is_settled && !self.has_heirs(id) && !is_planted {
            self.heirs.missing.insert(id);
            self.heirs.look_by(now);
        }
    }

    /// Whether younger shards are known that cover both ends of a shard's range: its children or, where one has expired,
    /// children of theirs.
    fn has_heirs(&self, id: ShardId) -> bool {
        let Some(shard) = self.shards.get(&id) else {
            return true;
        };
        let is_covered = |key| {
            let covers = |shard: &Shard| shard.info.range.contains(key);
            let mut children = self.children.get(&id).into_iter().flatten();
            let mut younger = self.shards.range(id..).skip(1);
            children.any(|child| self.shards.get(child).is_some_and(covers))
                || younger.any(|(_, shard)| covers(shard))
        };
        is_covered(shard.info.range.start()) && is_covered(shard.info.range.end())
    }

    /// Whether shards that a listing shows and that were not known are read. With an end now those are that were there at
    /// opening, although the listing of then lay behind.
    pub(super) fn takes_listed(&self) -> bool {
        self.settings.until != Until::Now || !self.heirs.is_empty()
    }

    /// Looks at a listing again after one that was asked for at a moment, ever more rarely, while heirs are missing.
    pub(super) fn look_for_heirs(&mut self, now: Moment, asked_at: Moment) {
        self.heirs.listed_at = Some(asked_at);
        self.heirs.at = None;
        let missing = std::mem::take(&mut self.heirs.missing);
        if missing.is_empty() {
            return;
        }
        if self.settings.until == Until::Now && asked_at - self.settings.opened >= LISTINGS_LAG {
            self.heirs.is_settled = true;
        }
        let missing = missing.into_iter().filter(|&id| !self.has_heirs(id));
        self.heirs.missing = missing.collect();
        let Some(&first) = self.heirs.missing.first() else {
            self.heirs.since = None;
            self.heirs.looks = 0;
            return;
        };
        let watched = self.watched(now);
        let since = *self.heirs.since.get_or_insert(watched);
        self.heirs.looks += 1;
        let pause = self.policy.throttled.longest(self.heirs.looks);
        let pause = pause.mul_f64(1.0 - 0.5 * self.rng.unit());
        self.heirs.look_by(now + pause);
        let ends = self.settings.until != Until::Forever;
        if ends && watched - since >= self.settings.give_up_after {
            self.heirs.since = None;
            self.failure = Some(childless(first));
        }
    }

    /// Has a listing looked at now and then while a shard has nothing new: a server may not tell that it was closed.
    pub(super) fn look_at_idle(&mut self) {
        if !self.settings.is_aws && !self.settings.pushed {
            let last = self.heirs.listed_at.unwrap_or(self.settings.opened);
            self.heirs.look_by(last + LOOKS_AT_IDLE);
        }
    }

    /// Wants the listing that is due.
    pub(super) fn look(&mut self, now: Moment) {
        if self.heirs.at.is_some_and(|at| at <= now) {
            self.heirs.at = None;
            self.want_listing(now);
        }
    }
}

#[cold]
fn childless(id: ShardId) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the shard was closed, and the service's listings do not show its children: they lie behind",
    )
    .operation("ListShards")
    .shard(id.to_string())
}
