//! MD5 of up to 24 messages in lanes, on processors with AVX2: up to three banks of eight, interleaved so that the
//! latency of one hides behind the work of the others. Beside `avx512.rs` the only file of the core that may hold
//! `unsafe`.

use std::arch::x86_64::{
    __m128i, __m256i, _mm_storeu_si128, _mm256_add_epi32, _mm256_and_si256, _mm256_andnot_si256,
    _mm256_castsi256_si128, _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_or_si256,
    _mm256_permute2x128_si256, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_slli_epi32,
    _mm256_srli_epi32, _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64,
    _mm256_unpacklo_epi32, _mm256_unpacklo_epi64, _mm256_xor_si256,
};
use std::hint;

use super::lanes::{Kernel, State};
use super::portable::Portable;
use super::scalar::{BLOCK, INITIAL, SINES, rounds};

/// Proof that this processor has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    /// The proof, where there is one. Cost: one relaxed load; the standard library keeps the answer.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }
}

macro_rules! kernel {
    ($($lanes:literal in $banks:literal),+) => {
        $(impl Kernel<$lanes> for Avx2 {
            #[inline]
            #[expect(unsafe_code, reason = "calls code built for the proven instructions")]
            fn compress(self, state: &mut State<$lanes>, lanes: &[&[u8]; $lanes], blocks: usize) {
                // SAFETY: `self` exists only where AVX2 was detected.
                unsafe { compress::<$banks, $lanes>(state, lanes, blocks) }
            }

            #[inline]
            #[expect(unsafe_code, reason = "calls code built for the proven instructions")]
            fn digest(self, blocks: &[[u8; BLOCK]; $lanes]) -> [[u8; 16]; $lanes] {
                // SAFETY: `self` exists only where AVX2 was detected.
                unsafe { digest::<$banks, $lanes>(blocks) }
            }
        })+
    };
}

kernel!(24 in 3, 16 in 2, 8 in 1);

/// For so few messages the plain registers are faster.
impl Kernel<4> for Avx2 {
    #[inline]
    fn compress(self, state: &mut State<4>, lanes: &[&[u8]; 4], blocks: usize) {
        Portable.compress(state, lanes, blocks);
    }
}

/// One 32-bit word of each message: `B` banks of eight lanes.
type Words<const B: usize> = [__m256i; B];

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned load takes a pointer")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: `bytes` is 32 readable bytes, and the load asks for no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned load takes a pointer")]
fn load_state<const B: usize, const L: usize>(to: &mut Words<B>, lanes: &[u32; L]) {
    for (word, lanes) in to.iter_mut().zip(lanes.as_chunks::<8>().0) {
        // SAFETY: `lanes` is 32 readable bytes, and the load asks for no alignment.
        *word = unsafe { _mm256_loadu_si256(lanes.as_ptr().cast()) };
    }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned store takes a pointer")]
fn store_state<const B: usize, const L: usize>(lanes: &mut [u32; L], words: Words<B>) {
    for (to, word) in lanes.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        // SAFETY: `to` is 32 writable bytes, and the store asks for no alignment.
        unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), word) };
    }
}

#[inline]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "an unaligned store takes a pointer")]
pub(super) fn store_digest(to: &mut [u8; 16], digest: __m128i) {
    // SAFETY: `to` is 16 writable bytes, and the store asks for no alignment.
    unsafe { _mm_storeu_si128(to.as_mut_ptr().cast(), digest) };
}

/// Rows of eight words each become columns.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(rows: [__m256i; 8]) -> [__m256i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
    let (ef, gh) = (_mm256_unpacklo_epi32(e, f), _mm256_unpacklo_epi32(g, h));
    let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
    let (ef_high, gh_high) = (_mm256_unpackhi_epi32(e, f), _mm256_unpackhi_epi32(g, h));
    let upper = [
        _mm256_unpacklo_epi64(ab, cd),
        _mm256_unpackhi_epi64(ab, cd),
        _mm256_unpacklo_epi64(ab_high, cd_high),
        _mm256_unpackhi_epi64(ab_high, cd_high),
    ];
    let lower = [
        _mm256_unpacklo_epi64(ef, gh),
        _mm256_unpackhi_epi64(ef, gh),
        _mm256_unpacklo_epi64(ef_high, gh_high),
        _mm256_unpackhi_epi64(ef_high, gh_high),
    ];
    [
        _mm256_permute2x128_si256::<0x20>(upper[0], lower[0]),
        _mm256_permute2x128_si256::<0x20>(upper[1], lower[1]),
        _mm256_permute2x128_si256::<0x20>(upper[2], lower[2]),
        _mm256_permute2x128_si256::<0x20>(upper[3], lower[3]),
        _mm256_permute2x128_si256::<0x31>(upper[0], lower[0]),
        _mm256_permute2x128_si256::<0x31>(upper[1], lower[1]),
        _mm256_permute2x128_si256::<0x31>(upper[2], lower[2]),
        _mm256_permute2x128_si256::<0x31>(upper[3], lower[3]),
    ]
}

#[inline]
#[target_feature(enable = "avx2")]
fn f(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(d, _mm256_and_si256(b, _mm256_xor_si256(c, d)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn h(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_xor_si256(b, _mm256_xor_si256(c, d))
}

#[inline]
#[target_feature(enable = "avx2")]
fn i(b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    let ones = _mm256_set1_epi32(-1);
    _mm256_xor_si256(c, _mm256_or_si256(b, _mm256_xor_si256(d, ones)))
}

/// One step of each bank: the newest word `$b` enters last.
macro_rules! step {
    (g, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank, sum| {
            let known = _mm256_add_epi32(sum, _mm256_andnot_si256($d[bank], $c[bank]));
            _mm256_add_epi32(known, _mm256_and_si256($d[bank], $b[bank]))
        });
    };
    ($f:ident, $a:ident, $b:ident, $c:ident, $d:ident, $m:expr, $s:literal, $k:expr) => {
        step!(@ $a, $b, $m, $s, $k, |bank, sum| {
            _mm256_add_epi32(sum, $f($b[bank], $c[bank], $d[bank]))
        });
    };
    (@ $a:ident, $b:ident, $m:expr, $s:literal, $k:expr, |$bank:ident, $sum:ident| $with:expr) => {
        let sine = _mm256_set1_epi32($k.cast_signed());
        for $bank in 0..B {
            let $sum = _mm256_add_epi32($a[$bank], _mm256_add_epi32($m[$bank], sine));
            let sum = $with;
            let turned = _mm256_or_si256(
                _mm256_slli_epi32::<$s>(sum),
                _mm256_srli_epi32::<{ 32 - $s }>(sum),
            );
            $a[$bank] = _mm256_add_epi32(turned, $b[$bank]);
        }
    };
}

/// Takes `blocks` blocks of each of the `L` = 8 * `B` lanes into the state.
#[target_feature(enable = "avx2")]
fn compress<const B: usize, const L: usize>(
    state: &mut State<L>,
    lanes: &[&[u8]; L],
    blocks: usize,
) {
    const { assert!(L == 8 * B) };
    // Loops, not closures: those would not be built for AVX2.
    let zero = _mm256_setzero_si256();
    let mut rows = [&[][..]; L];
    for (row, lane) in rows.iter_mut().zip(lanes) {
        *row = &lane.as_chunks::<32>().0[..2 * blocks];
    }
    let mut words = [[zero; B]; 4];
    for (word, lanes) in words.iter_mut().zip(&state.0) {
        load_state(word, lanes);
    }
    let mut message = [[zero; B]; 16];
    for block in 0..blocks {
        for bank in 0..B {
            for half in 0..2 {
                let mut square = [zero; 8];
                for (to, row) in square.iter_mut().zip(&rows[8 * bank..]) {
                    *to = load(&row[2 * block + half]);
                }
                take(&mut message, bank, half, square);
            }
        }
        compress_block(&mut words, &message);
    }
    for (lanes, word) in state.0.iter_mut().zip(words) {
        store_state(lanes, word);
    }
}

/// The digests of `L` = 8 * `B` messages of one block each. Like [`compress`] between a state and digests, with neither of
/// them ever lying in memory lane by lane, which costs a single block a sixth more.
#[target_feature(enable = "avx2")]
fn digest<const B: usize, const L: usize>(blocks: &[[u8; BLOCK]; L]) -> [[u8; 16]; L] {
    const { assert!(L == 8 * B) };
    let zero = _mm256_setzero_si256();
    let mut message = [[zero; B]; 16];
    for bank in 0..B {
        for half in 0..2 {
            let mut square = [zero; 8];
            for (to, block) in square.iter_mut().zip(&blocks[8 * bank..]) {
                *to = load(&block.as_chunks().0[half]);
            }
            take(&mut message, bank, half, square);
        }
    }
    let mut words = [[zero; B]; 4];
    for (word, initial) in words.iter_mut().zip(INITIAL) {
        *word = [_mm256_set1_epi32(initial.cast_signed()); B];
    }
    compress_block(&mut words, &message);
    let mut digests = [[0; 16]; L];
    let [a, b, c, d] = &words;
    for (bank, digests) in digests.as_chunks_mut::<8>().0.iter_mut().enumerate() {
        let ab = _mm256_unpacklo_epi32(a[bank], b[bank]);
        let cd = _mm256_unpacklo_epi32(c[bank], d[bank]);
        let ab_high = _mm256_unpackhi_epi32(a[bank], b[bank]);
        let cd_high = _mm256_unpackhi_epi32(c[bank], d[bank]);
        let pairs = [
            _mm256_unpacklo_epi64(ab, cd),
            _mm256_unpackhi_epi64(ab, cd),
            _mm256_unpacklo_epi64(ab_high, cd_high),
            _mm256_unpackhi_epi64(ab_high, cd_high),
        ];
        for (lane, pair) in pairs.into_iter().enumerate() {
            store_digest(&mut digests[lane], _mm256_castsi256_si128(pair));
            store_digest(&mut digests[4 + lane], _mm256_extracti128_si256::<1>(pair));
        }
    }
    digests
}

/// Half a block of each lane of a bank enters the message.
#[inline]
#[target_feature(enable = "avx2")]
fn take<const B: usize>(
    message: &mut [Words<B>; 16],
    bank: usize,
    half: usize,
    square: [__m256i; 8],
) {
    for (word, column) in transpose(square).into_iter().enumerate() {
        message[8 * half + word][bank] = column;
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn compress_block<const B: usize>(state: &mut [Words<B>; 4], message: &[Words<B>; 16]) {
    let [mut a, mut b, mut c, mut d] = *state;
    let sines = hint::black_box(&SINES);
    rounds!(step, a b c d, message, sines);
    for (old, new) in state.iter_mut().zip([a, b, c, d]) {
        for bank in 0..B {
            old[bank] = _mm256_add_epi32(old[bank], new[bank]);
        }
    }
}
