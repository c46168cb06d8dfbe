//! Parents and children: which shards are known, which may begin, and what a listing settles.

use super::*;

impl State {
    pub(super) fn add(&mut self, mut shard: Shard) {
        let id = shard.info.id;
        for parent in shard.info.parents() {
            self.children.entry(parent).or_default().push(id);
        }
        if let Stage::Due(at) = shard.stage {
            self.due.insert((at, id));
        }
        if self.settings.paced {
            shard.kept = Some(self.settings.pace.keep(id));
        }
        shard.by_fan_out = self.fan_out;
        self.shards.insert(id, shard);
    }

    /// Adds the children of a shard that were not known yet, to be read from their beginnings after their parents.
    pub(super) fn has_children(&mut self, now: Moment, mut children: Vec<ShardInfo>) {
        if self.settings.until == Until::Now {
            // Whether they are read is for a listing to tell.
            return;
        }
        if planted(Bug::FollowsFirstChild) {
            children.truncate(1);
        }
        if planted(Bug::ForgetsMergedChild) {
            children.retain(|child| child.parents().count() < 2);
        }
        for info in children {
            if !self.shards.contains_key(&info.id) {
                let unknown_parent = info
                    .parents()
                    .any(|parent| !self.shards.contains_key(&parent));
                if unknown_parent {
                    self.want_listing(now);
                }
                self.add(Shard::told(now, info));
            }
        }
    }

    /// Nothing more is read from a shard; if it ended by itself, its children may begin.
    pub(super) fn finish(&mut self, now: Moment, id: ShardId, mut ended: bool) {
        if let Some(shard) = self.shards.get_mut(&id) {
            if let Stage::Due(at) = shard.stage {
                self.due.remove(&(at, id));
            }
            // Whose records were left out at its end goes on there another time, and its children with it.
            ended &= shard.cut.is_none();
            shard.stage = Stage::Done { ended };
            shard.fan_out.subscription = None;
            shard.is_idle = None;
            shard.kept = None;
        }
        if ended && planted(Bug::EndBeforeHandOut) {
            self.stands_at(id, Position::End);
        }
        if ended {
            self.ready.push_back(Ready::End(id));
            self.release_all_of(now, id);
            self.seek_heirs(now, id);
        }
    }

    pub(super) fn release_all(&mut self, now: Moment) {
        let ids: Vec<_> = self.shards.keys().copied().collect();
        for id in ids {
            self.release(now, id);
        }
    }

    pub(super) fn release_all_of(&mut self, now: Moment, parent: ShardId) {
        for child in self.children.get(&parent).cloned().unwrap_or_default() {
            self.release(now, child);
        }
    }

    /// Lets a shard begin whose parents have all ended or are not listed any more.
    pub(super) fn release(&mut self, now: Moment, id: ShardId) {
        let Some(shard) = self
            .shards
            .get(&id)
            .filter(|shard| shard.stage == Stage::Waiting)
        else {
            return;
        };
        let ended = |parent| {
            let parent: Option<&Shard> = self.shards.get(&parent);
            parent.is_none_or(|parent| parent.stage == Stage::Done { ended: true })
                || planted(Bug::ChildBeforeParent)
        };
        if !shard.info.parents().all(ended) {
            return;
        }
        let is_known = |parent: &ShardId| self.shards.contains_key(parent);
        match shard.info.parents().filter(|id| !is_known(id)).max() {
            // No listing has come as far as this parent: it may still have records.
            Some(parent) if Some(parent) > self.newest_listed => self.want_listing(now),
            Some(_) if !matches!(self.listing, Listing::Idle) => {}
            _ => self.set_due(id, now),
        }
    }

    pub(super) fn set_unclear(&mut self, now: Moment, id: ShardId, not_found: bool) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.doubts += u32::from(!not_found);
            shard.stage = Stage::Unclear {
                since: now,
                not_found,
            };
        }
        self.want_listing(now);
    }

    pub(super) fn want_listing(&mut self, now: Moment) {
        if let Listing::Idle = self.listing {
            let pause = match self.late_listings {
                0 => Duration::ZERO,
                late => self.policy.throttled.pause(late, &self.rng),
            };
            self.listing = Listing::Due {
                at: now + pause,
                failures: 0,
            };
        }
    }

    pub(super) fn listed(&mut self, now: Moment, ticket: u64, result: Result<Vec<ShardInfo>>) {
        let Listing::Asked {
            ticket: asked,
            at,
            failures,
        } = self.listing
        else {
            return;
        };
        if asked != ticket {
            return;
        }
        let list = match result {
            Ok(list) => list,
            Err(error) => {
                let pause = self
                    .policy
                    .throttled
                    .pause(failures + 1, &self.rng)
                    .max(Duration::from_millis(50));
                self.listing = Listing::Due {
                    at: now + pause,
                    failures: failures + 1,
                };
                if error.retry() == Retry::Never || failures >= 3 {
                    self.failure = Some(error);
                }
                return;
            }
        };
        let newest = list.iter().map(|info| info.id).max();
        self.newest_listed = self.newest_listed.max(newest);
        // A listing that ends before a shard that is known lies behind; the next one waits, ever longer.
        let lies_behind = self.shards.keys().next_back().copied() > newest;
        self.late_listings = match lies_behind {
            true => self.late_listings + 1,
            false => 0,
        };
        self.listing = Listing::Idle;
        if let Err(error) = self.compare(&list) {
            self.failure = Some(error);
            self.listing = Listing::Due {
                at: now + PAUSE_AFTER_LASTING_FAILURE,
                failures: 0,
            };
            return;
        }
        for info in &list {
            if let Some(shard) = self.shards.get_mut(&info.id) {
                shard.listed(info);
            }
            let ours = Some(info.id) > self.newest_at_opening
                || info
                    .parents()
                    .any(|parent| self.shards.contains_key(&parent));
            if ours && !self.shards.contains_key(&info.id) && self.takes_listed() {
                self.add(Shard::new(
                    *info,
                    Cursor::At(Position::TrimHorizon),
                    Stage::Waiting,
                ));
            }
        }
        self.settle(now, at, &list);
        self.release_all(now);
        self.look_for_heirs(now, at);
    }

    /// Fails when a listed shard is of another stream than ours of the same id.
    pub(super) fn compare(&self, list: &[ShardInfo]) -> Result<()> {
        for info in list {
            let ours = self.shards.get(&info.id);
            let ours = ours.and_then(|shard| shard.info.created());
            if let (Some(ours), Some(theirs)) = (ours, info.created())
                && ours != theirs
                && !planted(Bug::TrustsNamesakes)
            {
                return Err(recreated(info.id));
            }
        }
        Ok(())
    }

    /// Decides about the shards that stopped answering, by a listing that was begun at `asked_at`.
    pub(super) fn settle(&mut self, now: Moment, asked_at: Moment, list: &[ShardInfo]) {
        let unclear = |(&id, shard): (&ShardId, &Shard)| match shard.stage {
            Stage::Unclear { since, not_found } => Some((id, since, not_found)),
            _ => None,
        };
        let unclear: Vec<_> = self.shards.iter().filter_map(unclear).collect();
        let newest = list.iter().map(|info| info.id).max();
        for (id, since, not_found) in unclear {
            if since > asked_at {
                self.want_listing(now);
                continue;
            }
            if Some(id) > newest {
                // Ids ascend, and the youngest shard never expires: a listing that ends before it lies behind.
                self.ask_again(now, id, not_found);
                continue;
            }
            let Some(listed) = list.iter().find(|info| info.id == id) else {
                self.stats.vanished_shards += u64::from(not_found);
                self.finish(now, id, true);
                continue;
            };
            let closed = !listed.is_open() || self.children.contains_key(&id);
            match self.shards.get_mut(&id) {
                _ if not_found || !closed => self.ask_again(now, id, not_found),
                Some(shard) if shard.info.is_open() => {
                    // It was open when we knew it: what came before it closed is asked for once more.
                    shard.info.last = listed.last.or(listed.first);
                    shard.idle = 0;
                    self.set_due(id, now);
                }
                _ => self.finish(now, id, true),
            }
        }
    }

    /// Reads on in a shard that has more, although the server said otherwise.
    pub(super) fn ask_again(&mut self, now: Moment, id: ShardId, not_found: bool) {
        if not_found && self.is_better_polled(id) {
            tracing::warn!(shard = %id, "fan-out does not find a shard that is listed, and is given up for polling");
            return self.fall_back(now, id);
        }
        let watched = self.watched(now);
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        shard.iterator = None;
        let since = *shard.failing_since.get_or_insert(watched);
        let pause = match (not_found, shard.failures) {
            // Nothing failed; it was only to be made sure.
            (true, 0) => Duration::ZERO,
            (_, failures) => self.policy.throttled.longest(failures + 1),
        };
        let pause = pause.min(Duration::from_secs(1));
        self.stats.early_ends += u64::from(!not_found);
        let consumer_may_be_gone = not_found && shard.by_fan_out;
        if not_found && watched - since >= self.settings.give_up_after {
            shard.failing_since = None;
            let text = "the service says that the shard does not exist, and its listings that it has not expired";
            self.failure = Some(Error::new(ErrorKind::NotFound, text).shard(id.to_string()));
        }
        self.set_due(id, now + pause);
        if consumer_may_be_gone {
            self.want_consumer(now);
        }
    }
}

fn recreated(id: ShardId) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "the stream was deleted and made again while it was read; open a new reader",
    )
    .shard(id.to_string())
}
