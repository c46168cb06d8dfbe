//! What an engine is made of: its clock and dice, its account, and how much it may take.

use std::time::Duration;

use crate::rng::Rng;
use crate::time::Clock;
use crate::types::limits::{ACCOUNT_SHARDS, ON_DEMAND_STREAMS};

/// The settings of an [`Engine`](super::Engine). Defaults are the service's own, in region `us-east-1` and account
/// `000000000000`.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Tells arrival times and judges quotas, state changes and expiry. Default: the process's clock.
    pub clock: Clock,
    /// Gives the key of iterators and page tokens. Default: seeded by the operating system.
    pub rng: Rng,
    /// The region that ARNs and texts name. Default: `us-east-1`.
    pub region: String,
    /// The account that ARNs and texts name: twelve digits. Default: `000000000000`.
    pub account: String,
    /// Whether there are the service's quotas: of each shard 1,000 records/s and 1 MiB/s in, 5 reads/s and 2 MiB/s out, and
    /// those of control-plane rates, consumers, tags and changes in a day. Default: yes.
    pub quotas: bool,
    /// Bytes that stored records may take, their index included. Default: [`default_memory`].
    pub memory: usize,
    /// What happens to a put when they are used up. Default: [`WhenFull::Throttle`].
    pub when_full: WhenFull,
    /// How long a stream stays in CREATING, UPDATING and DELETING. Default: no time.
    pub state_delay: Duration,
    /// Open shards that the account may have in provisioned streams. Default: 20,000; above that, UpdateShardCount takes a
    /// stream beyond its 10,000 too.
    pub shard_limit: usize,
    /// On-demand streams that the account may have. Default: 50.
    pub on_demand_stream_limit: usize,
}

/// What an engine does with a put when its memory is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// The put is throttled, with a text that names the limit. Nothing that was stored is lost.
    #[default]
    Throttle,
    /// The engine's oldest records make room, before their retention has passed. They are counted.
    Trim,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            rng: Rng::default(),
            region: "us-east-1".into(),
            account: "000000000000".into(),
            quotas: true,
            memory: default_memory(),
            when_full: WhenFull::default(),
            state_delay: Duration::ZERO,
            shard_limit: ACCOUNT_SHARDS,
            on_demand_stream_limit: ON_DEMAND_STREAMS,
        }
    }
}

/// Half of what this machine, or the control group that the process is in, has in memory; 1 GiB where neither says.
///
/// The one place of the engine that asks the operating system for anything: it reads `/proc/meminfo` and
/// `/sys/fs/cgroup/memory.max`.
pub fn default_memory() -> usize {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let machine = total_of_meminfo(&read("/proc/meminfo"));
    let group = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
    let total = [machine, group].into_iter().flatten().min();
    total.map_or(1 << 30, |total| total / 2)
}

/// `MemTotal` in bytes.
fn total_of_meminfo(text: &str) -> Option<usize> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_the_kernels_own_form() {
        let text = "MemTotal:        8048572 kB\nMemFree:          219584 kB\n";
        assert_eq!(total_of_meminfo(text), Some(8_048_572 << 10));
        assert_eq!(total_of_meminfo("MemFree: 1 kB"), None);
    }

    #[test]
    fn some_memory_is_always_given() {
        assert!(default_memory() > 1 << 20);
    }
}
