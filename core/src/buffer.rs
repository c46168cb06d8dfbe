//! Large buffers that are used again. The system clears each page of fresh memory and maps it when it is touched first,
//! which costs several times what writing to it does.

use std::ops::{Deref, DerefMut};

use bytes::Bytes;
use parking_lot::Mutex;

/// A growing buffer: a vector whose memory, if it is large, is kept for the next buffer when it is dropped.
///
/// ```
/// use kinetik::buffer::Buffer;
///
/// let mut body = Buffer::with_capacity(1 << 20);
/// body.extend_from_slice(b"once");
/// let shared = body.freeze();
/// drop(shared); // and its memory is there for another
/// assert!(Buffer::with_capacity(1 << 20).is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Buffer(Vec<u8>);

/// Smaller ones are left to the allocator, which is good at them.
const LARGE: usize = 64 << 10;
/// Bytes that are kept at most, by the whole process.
const KEPT: usize = 64 << 20;
/// Memory goes back to the system once so many buffers have come back while it lay unused.
const PASSED_OVER: u32 = 64;

/// What the process keeps. Nobody ever waits for this lock: whoever does not get it goes without, as does a forked child
/// whose parent held it.
static SPARES: Mutex<Spares> = Mutex::new(Spares(Vec::new()));

impl Buffer {
    /// An empty buffer with room for so many bytes. Memory that was not used before is touched only by what is written
    /// to it.
    pub fn with_capacity(bytes: usize) -> Self {
        Self(match bytes {
            ..LARGE => Vec::with_capacity(bytes),
            _ => used(bytes).unwrap_or_else(|| Vec::with_capacity(rounded(bytes))),
        })
    }

    /// Makes room for `needed` bytes altogether, where a sender promised `expected`. Kept memory is taken for all of
    /// them; fresh memory only for twice what came, whatever was promised.
    pub fn grow(&mut self, needed: usize, expected: usize) {
        if needed <= self.0.capacity() {
            return;
        }
        let kept = used(needed.max(expected)).map(Self);
        let fresh = || Self::with_capacity(expected.clamp(needed, needed.saturating_mul(2)));
        let mut larger = kept.unwrap_or_else(fresh);
        larger.extend_from_slice(self);
        *self = larger;
    }

    /// Its bytes, to be shared; its memory is kept when the last share of it is dropped.
    pub fn freeze(mut self) -> Bytes {
        match self.0.capacity() {
            ..LARGE => std::mem::take(&mut self.0).into(),
            _ => Bytes::from_owner(self),
        }
    }
}

impl Deref for Buffer {
    type Target = Vec<u8>;

    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsMut<Vec<u8>> for Buffer {
    fn as_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.0.capacity() >= LARGE {
            keep(std::mem::take(&mut self.0));
        }
    }
}

/// Memory that waits to be used again; the last was used last.
struct Spares(Vec<Spare>);

struct Spare {
    memory: Vec<u8>,
    passed_over: u32,
}

impl Spares {
    /// Memory for at least so many bytes, but no more than twice as many, lest whoever keeps a little hold much.
    fn take(&mut self, bytes: usize) -> Option<Vec<u8>> {
        let sizes = bytes..=bytes.saturating_mul(2);
        let fits = |spare: &Spare| sizes.contains(&spare.memory.capacity());
        let found = self.0.iter().rposition(fits);
        found.map(|at| self.0.remove(at).memory)
    }

    /// Keeps emptied memory; hands back what has lain there for long, and what is too much then.
    fn keep(&mut self, memory: Vec<u8>) -> Vec<Spare> {
        for spare in &mut self.0 {
            spare.passed_over += 1;
        }
        self.0.push(Spare {
            memory,
            passed_over: 0,
        });
        let sizes = self.0.iter().rev().map(|spare| spare.memory.capacity());
        let mut kept = 0;
        let within = sizes.take_while(|size| {
            kept += size;
            kept <= KEPT
        });
        let too_many = self.0.len() - within.count();
        let mut old: Vec<Spare> = self.0.drain(..too_many).collect();
        let has_lain = |spare: &mut Spare| spare.passed_over >= PASSED_OVER;
        old.extend(self.0.extract_if(.., has_lain));
        old
    }
}

/// A little more, so that buffers of about the same size fit one another's memory.
fn rounded(bytes: usize) -> usize {
    let eighth = (bytes / 8).next_power_of_two();
    bytes.div_ceil(eighth).saturating_mul(eighth)
}

/// Kept memory for so many bytes.
fn used(bytes: usize) -> Option<Vec<u8>> {
    SPARES.try_lock()?.take(bytes)
}

fn keep(mut memory: Vec<u8>) {
    memory.clear();
    let old = SPARES.try_lock().map(|mut spares| spares.keep(memory));
    // Given back to the system without the lock.
    drop(old);
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn sizes(spares: &Spares) -> Vec<usize> {
        let sizes = spares.0.iter().map(|spare| spare.memory.capacity() / MIB);
        sizes.collect()
    }

    fn with(sizes: &[usize]) -> Spares {
        let mut spares = Spares(Vec::new());
        for size in sizes {
            spares.keep(Vec::with_capacity(size * MIB));
        }
        spares
    }

    #[test]
    fn what_was_used_last_and_is_large_enough_is_used_again() {
        let mut spares = with(&[1, 2, 1, 6]);
        let mut taken = |size| {
            let memory = spares.take(size * MIB)?;
            Some(memory.capacity() / MIB)
        };
        assert_eq!((taken(2), taken(3)), (Some(2), Some(6)));
        assert_eq!(sizes(&spares), [1, 1]);
        assert!(spares.take(2 * MIB).is_none());
    }

    #[test]
    fn a_small_buffer_takes_no_memory_of_more_than_twice_its_size() {
        let mut spares = with(&[9]);
        assert!(spares.take(4 * MIB).is_none());
        assert_eq!(sizes(&spares), [9]);
    }

    #[test]
    fn memory_that_nothing_fits_into_for_long_is_given_back() {
        let mut spares = with(&[1, 8]);
        for _ in 0..PASSED_OVER {
            let memory = spares.take(MIB).expect("it comes back each time");
            spares.keep(memory);
        }
        assert_eq!(sizes(&spares), [1]);
    }

    #[test]
    fn what_was_used_longest_ago_makes_room_within_the_bound() {
        let most = KEPT / MIB;
        assert_eq!(sizes(&with(&[1, 2, most - 3])), [1, 2, most - 3]);
        assert_eq!(sizes(&with(&[1, 2, most - 2])), [2, most - 2]);
        assert_eq!(sizes(&with(&[1, 2, most])), [most]);
        assert_eq!(sizes(&with(&[1, 2, most + 1])), [0; 0]);
    }

    #[test]
    fn fresh_memory_is_not_taken_on_a_senders_word() {
        let mut buffer = Buffer::default();
        buffer.extend_from_slice(b"begun");
        buffer.grow(10, usize::MAX);
        assert!(buffer.capacity() < 64, "{}", buffer.capacity());
        assert_eq!(&buffer[..], b"begun");
    }

    #[test]
    fn a_shared_buffer_has_its_bytes_and_small_ones_are_vectors() {
        for size in [10, LARGE] {
            let mut buffer = Buffer::with_capacity(size);
            buffer.extend_from_slice(b"bytes");
            assert_eq!(&buffer.freeze()[..], b"bytes");
        }
    }
}
