//! What waits to be handed out.

use super::*;

impl State {
    /// Cuts an answer into batches and queues them.
    pub(super) fn queue(&mut self, id: ShardId, decoded: Decoded, behind: Option<u64>) {
        let Decoded {
            sources,
            entries: mut all,
            stamps,
            bytes,
        } = decoded;
        let Some(last) = sources.last() else { return };
        let end = Position::After {
            sequence_number: last.sequence_number,
            sub_sequence_number: None,
        };
        let sources: Arc<[Source]> = sources.into();
        let stamps: Arc<[Stamped]> = stamps.into();
        let max = self.settings.max_records;
        let pieces = all.len().div_ceil(max).max(1);
        let held = bytes + all.len() * size_of::<Entry>() + pieces * size_of::<Ready>();
        self.held += held;
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.backlog.records += all.len() as u64;
            shard.backlog.bytes += bytes as u64;
        }
        let mut from = 0_usize;
        loop {
            let to = from.saturating_add(max).min(all.len());
            let position = match all.get(to) {
                None => end,
                Some(next) => inside(&sources, &all[from..to], next),
            };
            let last = to == all.len() || planted(Bug::TrimsPrefetch) && !self.fits();
            // What is cut is copied, so that no piece holds the room of the whole.
            let entries = match pieces {
                1 => std::mem::take(&mut all),
                _ => all[from..to].to_vec(),
            };
            if planted(Bug::StandsWhereItFetched) {
                self.stands_at(id, position);
            }
            self.ready.push_back(Ready::Batch(Batch {
                shard_id: id,
                sources: Arc::clone(&sources),
                entries,
                stamps: Arc::clone(&stamps),
                millis_behind_latest: behind.unwrap_or(0),
                position,
                held: if last { held } else { 0 },
                answer_bytes: if last { bytes } else { 0 },
            }));
            if last {
                return;
            }
            from = to;
        }
    }

    /// Takes what is not for the caller from the front of the queue: copies of what was handed out, ends of shards, and
    /// batches that a filter emptied.
    pub(super) fn pass_over(&mut self) {
        while let Some(ready) = self.ready.front_mut() {
            if let (Ready::Batch(batch), Some(window)) = (&mut *ready, &mut self.window) {
                // Once, and as late as this, so that the window is that of the caller's position.
                let stamps = std::mem::take(&mut batch.stamps);
                if !stamps.is_empty() {
                    let before = batch.len();
                    window.sift(&mut batch.entries, &stamps, &mut self.stats);
                    if let Some(shard) = self.shards.get_mut(&batch.shard_id) {
                        shard.backlog.records -= (before - batch.len()) as u64;
                    }
                }
            }
            match ready {
                Ready::Batch(batch) if !batch.is_empty() => return,
                Ready::Batch(_) => drop(self.take_batch()),
                Ready::End(id) => {
                    let id = *id;
                    self.ready.pop_front();
                    self.stands_at(id, Position::End);
                }
            }
        }
    }

    /// The batch at the front of the queue; from now on the caller has it.
    pub(super) fn take_batch(&mut self) -> Option<Batch> {
        let Ready::Batch(batch) = self.ready.pop_front()? else {
            return None;
        };
        self.held -= batch.held;
        if let Some(shard) = self.shards.get_mut(&batch.shard_id) {
            shard.backlog.records -= batch.len() as u64;
            shard.backlog.bytes -= batch.answer_bytes as u64;
        }
        self.stands_at(batch.shard_id, batch.position);
        Some(batch)
    }

    pub(super) fn stands_at(&mut self, id: ShardId, position: Position) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.handed_out = Some(position);
        }
    }
}

/// The position behind the last of `entries` when `next` follows it.
fn inside(sources: &[Source], entries: &[Entry], next: &Entry) -> Position {
    let Some(last) = entries.last() else {
        return Position::TrimHorizon;
    };
    let sub_sequence_number = match last.source == next.source {
        true if planted(Bug::PositionWithoutSubSequence) => None,
        true => last.sub_sequence_number(),
        false => None,
    };
    Position::After {
        sequence_number: sources[last.source as usize].sequence_number,
        sub_sequence_number,
    }
}
