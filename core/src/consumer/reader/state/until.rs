//! Where `until` ends a shard, and what of an answer lies before that.

use super::*;

/// What times and distances are rounded to.
const MILLISECOND: Duration = Duration::from_millis(1);
/// How far records are ahead of our clock at most where that is believed for want of the server's word.
const AHEAD: Duration = Duration::from_secs(1);

impl State {
    /// Leaves out what follows the last record that arrived before an end in time. By place, because arrivals need not be
    /// in order: a record that arrived in time brings all before it, those too that an earlier answer ended with. They are
    /// asked for once more.
    pub(super) fn cut(
        &mut self,
        now: Moment,
        id: ShardId,
        decoded: &mut Decoded,
        before: Cursor,
    ) -> Next {
        let (Until::At(time), Some(shard)) = (self.settings.until, self.shards.get_mut(&id)) else {
            return Next::ReadOn;
        };
        let is_in_time = |source: &Source| {
            source.arrived_at <= time || Some(source.sequence_number) <= shard.in_time
        };
        let kept = decoded.sources.iter().rposition(is_in_time);
        let kept = kept.map(|last| decoded.sources[last].sequence_number);
        if let (Some(from), Some(_)) = (shard.cut, kept) {
            shard.cut = None;
            shard.in_time = kept;
            shard.cursor = from;
            self.set_due(id, now);
            return Next::Settled;
        }
        if decoded.keep_until(kept) && shard.cut.is_none() {
            let behind = |sequence_number| Position::After {
                sequence_number,
                sub_sequence_number: None,
            };
            shard.cut = Some(kept.map_or(before, |last| Cursor::At(behind(last))));
        }
        Next::ReadOn
    }

    /// Whether the last record of an answer lies behind all that is to be read of a shard.
    ///
    /// `Now`: it arrived well after the newest record when the first ones came. That is told by the server alone, as their
    /// arrival and its own distance from the tip: whether it measures that from its newest record or from its clock, what
    /// was there at opening arrived no later, whatever our clock says. Only where it measures nothing our clock must do.
    /// A shard that was closed at opening is read to its end, so that its children begin.
    pub(super) fn is_beyond_until(
        &mut self,
        now: Moment,
        id: ShardId,
        behind: Option<u64>,
        last_arrival: Option<Timestamp>,
    ) -> bool {
        let is_open = self.is_open(id);
        let (Some(shard), Some(arrival)) = (self.shards.get_mut(&id), last_arrival) else {
            return false;
        };
        // Of answers with records: kinesalite tells one without any that it is behind, at the end of a closed shard.
        self.measures |= behind > Some(0);
        match self.settings.until {
            Until::Forever => false,
            Until::At(time) => shard.cut.is_some() && arrival > time + MARGIN,
            Until::Now if !is_open => false,
            Until::Now => {
                // Some servers claim with each answer that it reaches the tip, and others say nothing.
                if let Some(millis) = behind.filter(|&millis| millis > 0 || self.measures) {
                    let distance = Duration::from_millis(millis) + MILLISECOND;
                    shard.first_tip.get_or_insert(arrival + distance);
                }
                let after_opening = self.settings.opened_wall + MARGIN;
                // Arrivals need not be in order, and AWS alone is believed that an answer with records reaches the tip.
                let is_caught_up = self.settings.is_aws && behind == Some(0);
                match shard.first_tip {
                    Some(tip) if is_caught_up => arrival > tip,
                    Some(tip) => arrival > tip + MARGIN,
                    None => arrival > after_opening && arrival <= self.settings.wall(now) + AHEAD,
                }
            }
        }
    }

    /// Whether an answer at the tip shows that a shard was read as far as `until` asks.
    ///
    /// `Now`: an answer with new records that claims to be at the tip is believed only of who pushes records: emulators claim
    /// it as soon as the rest arrived in the same instant.
    pub(super) fn is_far_enough(&self, id: ShardId, is_news: bool, sent_at: Moment) -> bool {
        if !self.is_open(id) {
            return false;
        }
        match self.settings.until {
            Until::Forever => false,
            Until::Now => !is_news || self.is_exact(id),
            Until::At(_) => !is_news && self.is_over(sent_at),
        }
    }

    /// Whether an end in time was over at a moment, by the service's clock too.
    pub(super) fn is_over(&self, at: Moment) -> bool {
        match self.settings.until {
            Until::At(time) => self.settings.wall(at) > time + MARGIN,
            Until::Now | Until::Forever => false,
        }
    }

    /// When an answer without news can show that a shard was read up to an end in time.
    pub(super) fn over_at(&self) -> Option<Moment> {
        match self.settings.until {
            Until::At(time) => {
                let left = (time + MARGIN).since(self.settings.opened_wall) + MILLISECOND;
                Some(self.settings.opened + left)
            }
            Until::Now | Until::Forever => None,
        }
    }

    /// Whether a shard was open at opening and has no children yet.
    fn is_open(&self, id: ShardId) -> bool {
        let is_open = |shard: &Shard| shard.info.is_open();
        self.shards.get(&id).is_some_and(is_open) && !self.children.contains_key(&id)
    }

    /// Whether a distance of 0 from the tip means that there is no more, rather than that no time lies between.
    fn is_exact(&self, id: ShardId) -> bool {
        self.settings.pushed || self.shards.get(&id).is_some_and(|shard| shard.by_fan_out)
    }
}
