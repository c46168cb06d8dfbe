//! Keeps the processors from halting while something is measured.
//!
//! A virtual processor that halts until the next request comes leaves the machine to its host. What coming back takes, some 50 µs
//! on the machines that the README's figures are from, counts as CPU time of whoever is woken, and is more than kinetik
//! needs for a request. A server or client with enough to do never halts.

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, available_parallelism};

/// The lowest priority: whoever else wants a processor gets it at once, and all but a sixtieth of its time.
const LOWEST: i32 = 19;

/// While it lives there is something to do for each processor.
#[derive(Debug)]
pub struct Awake {
    ended: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Awake {
    /// Starts a thread of the lowest priority for each processor.
    ///
    /// # Panics
    /// When the system refuses a thread, or a thread its priority.
    pub fn keep() -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let count = available_parallelism().map_or(1, usize::from);
        let threads = (0..count)
            .map(|_| {
                let ended = ended.clone();
                let thread = Builder::new().name("awake".into()).spawn(move || {
                    // Of this thread alone, as all of Linux's priorities.
                    rustix::process::nice(LOWEST).expect("anybody may be less urgent");
                    busy(&ended);
                });
                thread.expect("a thread")
            })
            .collect();
        Self { ended, threads }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// Counts, without the pause instruction, by which hosts tell processors that only wait.
fn busy(ended: &AtomicBool) {
    while !ended.load(Ordering::Relaxed) {
        for turn in 0..1_000_u32 {
            black_box(turn);
        }
    }
}
