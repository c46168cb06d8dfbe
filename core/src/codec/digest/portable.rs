//! The lanes in plain arrays, which the compiler turns into whatever vectors the target has (SSE2 on every x86-64).

use super::lanes::{Kernel, State};
use super::scalar::{BLOCK, SINES, rounds};

/// Lanes for every processor.
#[derive(Clone, Copy)]
pub(super) struct Portable;

/// One 32-bit word of each message.
type Words<const L: usize> = [u32; L];

impl<const L: usize> Kernel<L> for Portable {
    fn compress(self, state: &mut State<L>, lanes: &[&[u8]; L], blocks: usize) {
        let mut rows = [&[][..]; L];
        for (row, lane) in rows.iter_mut().zip(lanes) {
            *row = &lane.as_chunks::<BLOCK>().0[..blocks];
        }
        let mut message = [[0; L]; 16];
        for block in 0..blocks {
            for (lane, row) in rows.iter().enumerate() {
                for (word, bytes) in message.iter_mut().zip(row[block].as_chunks::<4>().0) {
                    word[lane] = u32::from_le_bytes(*bytes);
                }
            }
            compress_block(state, &message);
        }
    }
}

#[inline(always)]
fn f(b: u32, c: u32, d: u32) -> u32 {
    d ^ (b & (c ^ d))
}

#[inline(always)]
fn g(b: u32, c: u32, d: u32) -> u32 {
    (d & b) | (!d & c)
}

#[inline(always)]
fn h(b: u32, c: u32, d: u32) -> u32 {
    b ^ (c ^ d)
}

#[inline(always)]
fn i(b: u32, c: u32, d: u32) -> u32 {
    c ^ (b | !d)
}

/// One step of all lanes: the newest word `$b` enters last.
macro_rules! step {
    ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        for lane in 0..L {
            let sum = $a[lane]
                .wrapping_add($m[lane].wrapping_add($k))
                .wrapping_add($f($b[lane], $c[lane], $d[lane]));
            $a[lane] = sum.rotate_left($s).wrapping_add($b[lane]);
        }
    };
}

#[inline]
fn compress_block<const L: usize>(state: &mut State<L>, message: &[Words<L>; 16]) {
    let [mut a, mut b, mut c, mut d] = state.0;
    rounds!(step, a b c d, message, SINES);
    for (old, new) in state.0.iter_mut().zip([a, b, c, d]) {
        for (old, new) in old.iter_mut().zip(new) {
            *old = old.wrapping_add(new);
        }
    }
}
