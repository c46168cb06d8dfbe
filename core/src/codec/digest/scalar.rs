//! MD5 of one message (RFC 1321): the path for a single stream, and the oracle of the lanes.
//!
//! MD5 is one long chain of dependent steps, so its speed is the latency of that chain. Each step is written so that
//! everything that does not need the newest word is added up before it arrives.

use std::hint;

/// The state before the first block. Source: RFC 1321, 3.3.
pub(super) const INITIAL: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// floor(2^32 * |sin(i + 1)|), one for each step. Source: RFC 1321, 3.4.
pub(super) const SINES: [u32; 64] = [
    0xd76a_a478,
    0xe8c7_b756,
    0x2420_70db,
    0xc1bd_ceee,
    0xf57c_0faf,
    0x4787_c62a,
    0xa830_4613,
    0xfd46_9501,
    0x6980_98d8,
    0x8b44_f7af,
    0xffff_5bb1,
    0x895c_d7be,
    0x6b90_1122,
    0xfd98_7193,
    0xa679_438e,
    0x49b4_0821,
    0xf61e_2562,
    0xc040_b340,
    0x265e_5a51,
    0xe9b6_c7aa,
    0xd62f_105d,
    0x0244_1453,
    0xd8a1_e681,
    0xe7d3_fbc8,
    0x21e1_cde6,
    0xc337_07d6,
    0xf4d5_0d87,
    0x455a_14ed,
    0xa9e3_e905,
    0xfcef_a3f8,
    0x676f_02d9,
    0x8d2a_4c8a,
    0xfffa_3942,
    0x8771_f681,
    0x6d9d_6122,
    0xfde5_380c,
    0xa4be_ea44,
    0x4bde_cfa9,
    0xf6bb_4b60,
    0xbebf_bc70,
    0x289b_7ec6,
    0xeaa1_27fa,
    0xd4ef_3085,
    0x0488_1d05,
    0xd9d4_d039,
    0xe6db_99e5,
    0x1fa2_7cf8,
    0xc4ac_5665,
    0xf429_2244,
    0x432a_ff97,
    0xab94_23a7,
    0xfc93_a039,
    0x655b_59c3,
    0x8f0c_cc92,
    0xffef_f47d,
    0x8584_5dd1,
    0x6fa8_7e4f,
    0xfe2c_e6e0,
    0xa301_4314,
    0x4e08_11a1,
    0xf753_7e82,
    0xbd3a_f235,
    0x2ad7_d2bb,
    0xeb86_d391,
];

/// Bytes of a block.
pub(super) const BLOCK: usize = 64;

/// The MD5 digest of one message. A message of up to 55 bytes is one block; long ones run at 0.65 to 0.9 GB/s.
pub fn md5(message: &[u8]) -> [u8; 16] {
    let mut state = INITIAL;
    if message.len() <= SHORT {
        let mut block = [0; BLOCK];
        pad_short(&mut block, message);
        compress_block(&mut state, &block);
    } else {
        let mut tail = Tail::EMPTY;
        compress(&mut state, tail.start(message));
        compress(&mut state, tail.blocks());
    }
    to_bytes(state)
}

/// Bytes of the longest message that fits one block with its mark and its length.
pub(super) const SHORT: usize = BLOCK - 9;

/// The end of a message: what is left behind its full blocks, the mark and the length, in one or two blocks.
pub(super) struct Tail {
    bytes: [u8; 2 * BLOCK],
    start: usize,
    end: usize,
}

impl Tail {
    /// No blocks.
    pub(super) const EMPTY: Self = Self {
        bytes: [0; 2 * BLOCK],
        start: 0,
        end: 0,
    };

    /// Takes the end of this message, and gives back the full blocks that come before it.
    #[inline]
    pub(super) fn start<'a>(&mut self, message: &'a [u8]) -> &'a [u8] {
        let whole = if message.len() <= BLOCK + SHORT {
            0
        } else {
            message.len() - message.len() % BLOCK
        };
        let (whole, rest) = message.split_at(whole);
        self.start = 0;
        self.end = if rest.len() <= SHORT {
            BLOCK
        } else {
            2 * BLOCK
        };
        let bytes = &mut self.bytes[..self.end];
        bytes[..rest.len()].copy_from_slice(rest);
        bytes[rest.len()] = 0x80;
        bytes[rest.len() + 1..].fill(0);
        let bits = (message.len() as u64).wrapping_mul(8);
        bytes[self.end - 8..].copy_from_slice(&bits.to_le_bytes());
        whole
    }

    /// Its blocks still to be taken.
    #[inline]
    pub(super) fn blocks(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Leaves out the first `bytes` of its blocks.
    #[inline]
    pub(super) fn advance(&mut self, bytes: usize) {
        self.start += bytes;
    }
}

/// Fills a block of zeros with a message of at most 55 bytes, its mark and its length.
#[inline]
pub(super) fn pad_short(block: &mut [u8; BLOCK], message: &[u8]) {
    let len = message.len();
    if len >= 16 {
        // Four moves of 16 bytes that overlap: no call and no branch, whatever the length.
        for at in [0, 16.min(len - 16), 32.min(len - 16), len - 16] {
            block[at..at + 16].copy_from_slice(&message[at..at + 16]);
        }
    } else {
        block[..len].copy_from_slice(message);
    }
    block[len] = 0x80;
    block[BLOCK - 8..].copy_from_slice(&(8 * len as u64).to_le_bytes());
}

/// A state as the digest's bytes.
#[inline]
pub(super) fn to_bytes(state: [u32; 4]) -> [u8; 16] {
    let mut digest = [0; 16];
    for (to, word) in digest.chunks_exact_mut(4).zip(state) {
        to.copy_from_slice(&word.to_le_bytes());
    }
    digest
}

/// Takes all whole blocks of `bytes` into the state.
pub(super) fn compress(state: &mut [u32; 4], bytes: &[u8]) {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    for block in blocks {
        compress_block(state, block);
    }
}

/// One step: the newest word `$b` enters last.
macro_rules! step {
    (f, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        $a = $a
            .wrapping_add($m)
            .wrapping_add($k)
            .wrapping_add($d ^ ($b & ($c ^ $d)))
            .rotate_left($s)
            .wrapping_add($b);
    };
    (g, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        $a = $a
            .wrapping_add($m)
            .wrapping_add($k)
            .wrapping_add(!$d & $c)
            .wrapping_add($d & $b)
            .rotate_left($s)
            .wrapping_add($b);
    };
    (h, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        $a = $a
            .wrapping_add($m)
            .wrapping_add($k)
            .wrapping_add($b ^ ($c ^ $d))
            .rotate_left($s)
            .wrapping_add($b);
    };
    (i, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        $a = $a
            .wrapping_add($m)
            .wrapping_add($k)
            .wrapping_add($c ^ ($b | !$d))
            .rotate_left($s)
            .wrapping_add($b);
    };
}

/// The 64 steps of a block with `$step!(function, a, b, c, d, word, turn, sine)`. Source: RFC 1321, 3.4.
macro_rules! rounds {
    ($step:ident, $a:ident $b:ident $c:ident $d:ident, $m:expr, $k:expr) => {
        $crate::codec::digest::scalar::rounds!(@ $step f, $a $b $c $d, $m, $k, [7 12 17 22],
            (0 0 1 1 2 2 3 3) (4 4 5 5 6 6 7 7) (8 8 9 9 10 10 11 11) (12 12 13 13 14 14 15 15));
        $crate::codec::digest::scalar::rounds!(@ $step g, $a $b $c $d, $m, $k, [5 9 14 20],
            (1 16 6 17 11 18 0 19) (5 20 10 21 15 22 4 23) (9 24 14 25 3 26 8 27) (13 28 2 29 7 30 12 31));
        $crate::codec::digest::scalar::rounds!(@ $step h, $a $b $c $d, $m, $k, [4 11 16 23],
            (5 32 8 33 11 34 14 35) (1 36 4 37 7 38 10 39) (13 40 0 41 3 42 6 43) (9 44 12 45 15 46 2 47));
        $crate::codec::digest::scalar::rounds!(@ $step i, $a $b $c $d, $m, $k, [6 10 15 21],
            (0 48 7 49 14 50 5 51) (12 52 3 53 10 54 1 55) (8 56 15 57 6 58 13 59) (4 60 11 61 2 62 9 63));
    };
    (@ $step:ident $f:ident, $a:ident $b:ident $c:ident $d:ident, $m:expr, $k:expr,
        [$s0:literal $s1:literal $s2:literal $s3:literal],
        $(($w0:literal $k0:literal $w1:literal $k1:literal $w2:literal $k2:literal $w3:literal $k3:literal))+) => {
        $(
            $step!($f, $a, $b, $c, $d, $m[$w0], $s0, $k[$k0]);
            $step!($f, $d, $a, $b, $c, $m[$w1], $s1, $k[$k1]);
            $step!($f, $c, $d, $a, $b, $m[$w2], $s2, $k[$k2]);
            $step!($f, $b, $c, $d, $a, $m[$w3], $s3, $k[$k3]);
        )+
    };
}
pub(super) use rounds;

#[inline]
fn compress_block(state: &mut [u32; 4], block: &[u8; BLOCK]) {
    // A table that the optimiser cannot see through: known constants it would add last, in the chain of every step.
    let sines = hint::black_box(&SINES);
    let mut words = [0_u32; 16];
    let (chunks, _) = block.as_chunks::<4>();
    for (word, bytes) in words.iter_mut().zip(chunks) {
        *word = u32::from_le_bytes(*bytes);
    }
    let [mut a, mut b, mut c, mut d] = *state;
    rounds!(step, a b c d, words, sines);
    *state = [
        state[0].wrapping_add(a),
        state[1].wrapping_add(b),
        state[2].wrapping_add(c),
        state[3].wrapping_add(d),
    ];
}
