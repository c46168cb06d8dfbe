//! MD5 of up to 32 messages in lanes, on processors with AVX-512: banks of sixteen, with a function of three words and a
//! turn of one in an instruction each, where AVX2 takes three of them. Beside `avx2.rs` the only file of the core that
//! may hold `unsafe`.

use std::arch::x86_64::{
    __m512i, _mm512_add_epi32, _mm512_extracti32x4_epi32, _mm512_loadu_si512, _mm512_rol_epi32,
    _mm512_set1_epi32, _mm512_setzero_si512, _mm512_shuffle_i32x4, _mm512_storeu_si512,
    _mm512_ternarylogic_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64,
};
use std::hint;
use std::sync::OnceLock;

use super::avx2::{Avx2, store_digest};
use super::lanes::{Kernel, State};
use super::scalar::{self, BLOCK, INITIAL, SINES, rounds};

/// Proof that this processor has AVX-512, and digests by it as it should.
#[derive(Clone, Copy)]
pub(super) struct Avx512 {
    /// For few messages.
    avx2: Avx2,
}

impl Avx512 {
    /// The proof, where there is one. Cost: two loads; the first call digests some messages, because tests can only run
    /// on the processors that there are.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        static IS_RIGHT: OnceLock<bool> = OnceLock::new();
        if !is_x86_feature_detected!("avx512f") {
            return None;
        }
        let kernel = Self {
            avx2: Avx2::detect()?,
        };
        IS_RIGHT.get_or_init(|| kernel.is_right()).then_some(kernel)
    }

    /// Whether both kernels agree with the path for one message, over one block and over several.
    #[cold]
    fn is_right(self) -> bool {
        fn agrees<const L: usize>(kernel: impl Kernel<L>) -> bool {
            const BLOCKS: usize = 3;
            let byte = |at: usize| (at.wrapping_mul(0x9e37_79b1) >> 13) as u8;
            let bytes: [[u8; BLOCKS * BLOCK]; L] =
                std::array::from_fn(|lane| std::array::from_fn(|at| byte(1 + lane * 251 + at)));
            let mut state = State::INITIAL;
            kernel.compress(&mut state, &bytes.each_ref().map(|lane| &lane[..]), BLOCKS);
            let mut firsts = [[0; BLOCK]; L];
            for (first, lane) in firsts.iter_mut().zip(&bytes) {
                first.copy_from_slice(&lane[..BLOCK]);
            }
            let digests = kernel.digest(&firsts);
            let expected = |bytes: &[u8]| {
                let mut state = INITIAL;
                scalar::compress(&mut state, bytes);
                scalar::to_bytes(state)
            };
            (0..L).all(|lane| {
                state.digest(lane) == expected(&bytes[lane])
                    && digests[lane] == expected(&firsts[lane])
            })
        }
        agrees::<32>(self) && agrees::<16>(self)
    }
}

macro_rules! kernel {
    ($($lanes:literal in $banks:literal),+) => {
        $(impl Kernel<$lanes> for Avx512 {
            #[inline]
            #[expect(unsafe_code, reason = "calls code built for the proven instructions")]
            fn compress(self, state: &mut State<$lanes>, lanes: &[&[u8]; $lanes], blocks: usize) {
                // SAFETY: `self` exists only where AVX-512 was detected.
                unsafe { compress::<$banks, $lanes>(state, lanes, blocks) }
            }

            #[inline]
            #[expect(unsafe_code, reason = "calls code built for the proven instructions")]
            fn digest(self, blocks: &[[u8; BLOCK]; $lanes]) -> [[u8; 16]; $lanes] {
                // SAFETY: `self` exists only where AVX-512 was detected.
                unsafe { digest::<$banks, $lanes>(blocks) }
            }
        })+
    };
}

kernel!(32 in 2, 16 in 1);

/// For so few messages narrower registers are as fast.
macro_rules! few {
    ($($lanes:literal),+) => {
        $(impl Kernel<$lanes> for Avx512 {
            #[inline]
            fn compress(self, state: &mut State<$lanes>, lanes: &[&[u8]; $lanes], blocks: usize) {
                self.avx2.compress(state, lanes, blocks);
            }

            #[inline]
            fn digest(self, blocks: &[[u8; BLOCK]; $lanes]) -> [[u8; 16]; $lanes] {
                self.avx2.digest(blocks)
            }
        })+
    };
}

few!(8, 4);

/// One 32-bit word of each message: `B` banks of sixteen lanes.
type Words<const B: usize> = [__m512i; B];

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "an unaligned load takes a pointer")]
fn load(block: &[u8; BLOCK]) -> __m512i {
    // SAFETY: `block` is 64 readable bytes, and the load asks for no alignment.
    unsafe { _mm512_loadu_si512(block.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "an unaligned load takes a pointer")]
fn load_state<const B: usize, const L: usize>(to: &mut Words<B>, lanes: &[u32; L]) {
    for (word, lanes) in to.iter_mut().zip(lanes.as_chunks::<16>().0) {
        // SAFETY: `lanes` is 64 readable bytes, and the load asks for no alignment.
        *word = unsafe { _mm512_loadu_si512(lanes.as_ptr().cast()) };
    }
}

#[inline]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "an unaligned store takes a pointer")]
fn store_state<const B: usize, const L: usize>(lanes: &mut [u32; L], words: Words<B>) {
    for (to, word) in lanes.as_chunks_mut::<16>().0.iter_mut().zip(words) {
        // SAFETY: `to` is 64 writable bytes, and the store asks for no alignment.
        unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), word) };
    }
}

/// Of four rows, the columns: each quarter of the `c`-th of the four holds column `4 * quarter + c`.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose_quarters(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
    let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
    [
        _mm512_unpacklo_epi64(ab, cd),
        _mm512_unpackhi_epi64(ab, cd),
        _mm512_unpacklo_epi64(ab_high, cd_high),
        _mm512_unpackhi_epi64(ab_high, cd_high),
    ]
}

/// A block of each lane of a bank enters the message: rows of sixteen words each become columns.
#[inline]
#[target_feature(enable = "avx512f")]
fn take<const B: usize>(message: &mut [Words<B>; 16], bank: usize, rows: [__m512i; 16]) {
    let [
        r0,
        r1,
        r2,
        r3,
        r4,
        r5,
        r6,
        r7,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
    ] = rows;
    let first = transpose_quarters(r0, r1, r2, r3);
    let second = transpose_quarters(r4, r5, r6, r7);
    let third = transpose_quarters(r8, r9, r10, r11);
    let fourth = transpose_quarters(r12, r13, r14, r15);
    for column in 0..4 {
        let (a, b, c, d) = (first[column], second[column], third[column], fourth[column]);
        let (ab, cd) = (
            _mm512_shuffle_i32x4::<0x44>(a, b),
            _mm512_shuffle_i32x4::<0x44>(c, d),
        );
        let (ab_high, cd_high) = (
            _mm512_shuffle_i32x4::<0xee>(a, b),
            _mm512_shuffle_i32x4::<0xee>(c, d),
        );
        message[column][bank] = _mm512_shuffle_i32x4::<0x88>(ab, cd);
        message[4 + column][bank] = _mm512_shuffle_i32x4::<0xdd>(ab, cd);
        message[8 + column][bank] = _mm512_shuffle_i32x4::<0x88>(ab_high, cd_high);
        message[12 + column][bank] = _mm512_shuffle_i32x4::<0xdd>(ab_high, cd_high);
    }
}

/// One step of each bank: the newest word `$b` enters last. The functions are the tables of RFC 1321, 3.4: the result for
/// bits 0 and 0 and 0 of their words first, that for 1 and 1 and 1 last.
macro_rules! step {
    (f, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank| _mm512_ternarylogic_epi32::<0xca>($b[bank], $c[bank], $d[bank]));
    };
    (g, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank| _mm512_ternarylogic_epi32::<0xe4>($b[bank], $c[bank], $d[bank]));
    };
    (h, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank| _mm512_ternarylogic_epi32::<0x96>($b[bank], $c[bank], $d[bank]));
    };
    (i, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank| _mm512_ternarylogic_epi32::<0x39>($b[bank], $c[bank], $d[bank]));
    };
    (@ $a:ident, $b:ident, $m:expr, $s:literal, $k:expr, |$bank:ident| $function:expr) => {
        let sine = _mm512_set1_epi32($k.cast_signed());
        for $bank in 0..B {
            let known = _mm512_add_epi32($a[$bank], _mm512_add_epi32($m[$bank], sine));
            let sum = _mm512_add_epi32(known, $function);
            $a[$bank] = _mm512_add_epi32(_mm512_rol_epi32::<$s>(sum), $b[$bank]);
        }
    };
}

/// Takes `blocks` blocks of each of the `L` = 16 * `B` lanes into the state.
#[target_feature(enable = "avx512f")]
fn compress<const B: usize, const L: usize>(
    state: &mut State<L>,
    lanes: &[&[u8]; L],
    blocks: usize,
) {
    const { assert!(L == 16 * B) };
    // Loops, not closures: those would not be built for AVX-512.
    let zero = _mm512_setzero_si512();
    let mut rows = [&[][..]; L];
    for (row, lane) in rows.iter_mut().zip(lanes) {
        *row = &lane.as_chunks::<BLOCK>().0[..blocks];
    }
    let mut words = [[zero; B]; 4];
    for (word, lanes) in words.iter_mut().zip(&state.0) {
        load_state(word, lanes);
    }
    let mut message = [[zero; B]; 16];
    for block in 0..blocks {
        for bank in 0..B {
            let mut square = [zero; 16];
            for (to, row) in square.iter_mut().zip(&rows[16 * bank..]) {
                *to = load(&row[block]);
            }
            take(&mut message, bank, square);
        }
        compress_block(&mut words, &message);
    }
    for (lanes, word) in state.0.iter_mut().zip(words) {
        store_state(lanes, word);
    }
}

/// The digests of `L` = 16 * `B` messages of one block each. Like [`compress`] between a state and digests, with neither of
/// them ever lying in memory lane by lane.
#[target_feature(enable = "avx512f")]
fn digest<const B: usize, const L: usize>(blocks: &[[u8; BLOCK]; L]) -> [[u8; 16]; L] {
    const { assert!(L == 16 * B) };
    let zero = _mm512_setzero_si512();
    let mut message = [[zero; B]; 16];
    for bank in 0..B {
        let mut square = [zero; 16];
        for (to, block) in square.iter_mut().zip(&blocks[16 * bank..]) {
            *to = load(block);
        }
        take(&mut message, bank, square);
    }
    let mut words = [[zero; B]; 4];
    for (word, initial) in words.iter_mut().zip(INITIAL) {
        *word = [_mm512_set1_epi32(initial.cast_signed()); B];
    }
    compress_block(&mut words, &message);
    let mut digests = [[0; 16]; L];
    let [a, b, c, d] = &words;
    for (bank, digests) in digests.as_chunks_mut::<16>().0.iter_mut().enumerate() {
        let quarters = transpose_quarters(a[bank], b[bank], c[bank], d[bank]);
        for (lane, quarter) in quarters.into_iter().enumerate() {
            store_digest(&mut digests[lane], _mm512_extracti32x4_epi32::<0>(quarter));
            store_digest(
                &mut digests[4 + lane],
                _mm512_extracti32x4_epi32::<1>(quarter),
            );
            store_digest(
                &mut digests[8 + lane],
                _mm512_extracti32x4_epi32::<2>(quarter),
            );
            store_digest(
                &mut digests[12 + lane],
                _mm512_extracti32x4_epi32::<3>(quarter),
            );
        }
    }
    digests
}

#[inline]
#[target_feature(enable = "avx512f")]
fn compress_block<const B: usize>(state: &mut [Words<B>; 4], message: &[Words<B>; 16]) {
    let [mut a, mut b, mut c, mut d] = *state;
    let sines = hint::black_box(&SINES);
    rounds!(step, a b c d, message, sines);
    for (old, new) in state.iter_mut().zip([a, b, c, d]) {
        for bank in 0..B {
            old[bank] = _mm512_add_epi32(old[bank], new[bank]);
        }
    }
}
