//! MD5 of one message and of many at once.
//!
//! MD5 is a chain of dependent steps that leaves most of a core idle; digesting two dozen messages side by side fills it.
//! That is how partition keys become hash keys and how aggregated records are sealed and checked.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod lanes;
mod portable;
mod scalar;

pub use scalar::md5;

use crate::types::HashKey;
use portable::Portable;

/// Digests `count` messages, each got by its number, and hands each digest over with that number. Digests of
/// messages of unequal length come out of order. Allocates nothing; `message` is called once for each number.
///
/// ```
/// use kinetik::codec::digest;
///
/// let arena = b"user-1user-22";
/// let keys = [0..6, 6..13];
/// let mut digests = [[0; 16]; 2];
/// digest::md5_each(keys.len(), |i| &arena[keys[i].clone()], |i, md5| digests[i] = md5);
/// assert_eq!(digests[1], digest::md5(b"user-22"));
/// ```
pub fn md5_each<'a>(
    count: usize,
    message: impl FnMut(usize) -> &'a [u8],
    digested: impl FnMut(usize, [u8; 16]),
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx512) = avx512::Avx512::detect() {
        return lanes::each::<_, 32, 16, 8, 4>(avx512, (0..count).map(message), digested);
    }
    md5_each_avx2(count, message, digested);
}

/// [`md5_each`] without looking for more than AVX2, for benchmarks and tests.
#[doc(hidden)]
pub fn md5_each_avx2<'a>(
    count: usize,
    message: impl FnMut(usize) -> &'a [u8],
    digested: impl FnMut(usize, [u8; 16]),
) {
    #[cfg(target_arch = "x86_64")]
    if let Some(avx2) = avx2::Avx2::detect() {
        return lanes::each::<_, 24, 16, 8, 4>(avx2, (0..count).map(message), digested);
    }
    md5_each_portable(count, message, digested);
}

/// [`md5_each`] without looking for vector instructions beyond the target's own, for benchmarks and tests.
#[doc(hidden)]
pub fn md5_each_portable<'a>(
    count: usize,
    message: impl FnMut(usize) -> &'a [u8],
    digested: impl FnMut(usize, [u8; 16]),
) {
    lanes::each::<_, 4, 4, 4, 4>(Portable, (0..count).map(message), digested);
}

/// Digests all `messages` into the places of the same number in `digests`.
///
/// # Panics
/// When the two slices are not of the same length.
pub fn md5_many(messages: &[&[u8]], digests: &mut [[u8; 16]]) {
    assert_eq!(messages.len(), digests.len(), "one place for each digest");
    md5_each(messages.len(), |i| messages[i], |i, md5| digests[i] = md5);
}

/// The hash key of a partition key: its MD5 as a big-endian number.
///
/// ```
/// let hash_key = kinetik::codec::digest::hash_key(b"a");
/// assert_eq!(hash_key.to_string(), "16955237001963240173058271559858726497");
/// ```
pub fn hash_key(partition_key: &[u8]) -> HashKey {
    HashKey::from_digest(md5(partition_key))
}

/// The hash keys of many partition keys, as [`md5_each`].
pub fn hash_key_each<'a>(
    count: usize,
    partition_key: impl FnMut(usize) -> &'a [u8],
    mut hashed: impl FnMut(usize, HashKey),
) {
    md5_each(count, partition_key, |i, md5| {
        hashed(i, HashKey::from_digest(md5));
    });
}

/// How many messages this processor digests side by side, and with what, for reports: for example `32 lanes, AVX-512`.
pub fn lanes_name() -> &'static str {
    #[cfg(target_arch = "x86_64")]
    if avx512::Avx512::detect().is_some() {
        return "32 lanes, AVX-512";
    }
    #[cfg(target_arch = "x86_64")]
    if avx2::Avx2::detect().is_some() {
        return "24 lanes, AVX2";
    }
    "4 lanes, portable"
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::md5::{Digest, Md5};

    /// Messages one after another in one buffer, as they lie in an arena.
    fn messages(lengths: &[usize], seed: u64) -> Vec<Vec<u8>> {
        let mut dice = fastrand::Rng::with_seed(seed);
        lengths
            .iter()
            .map(|&len| (0..len).map(|_| dice.u8(..)).collect())
            .collect()
    }

    fn oracle(message: &[u8]) -> [u8; 16] {
        Md5::digest(message).into()
    }

    /// Every path there is on this processor, against the oracle, each number handed over exactly once.
    fn agree(messages: &[Vec<u8>]) {
        let count = messages.len();
        let expected: Vec<_> = messages
            .iter()
            .map(|message| Some(oracle(message)))
            .collect();
        let message = |i: usize| &messages[i][..];
        type Digested<'a> = dyn FnMut(usize, [u8; 16]) + 'a;
        let check = |digest: &dyn Fn(&mut Digested<'_>)| {
            let mut digests = vec![None; count];
            digest(&mut |i, md5| assert!(digests[i].replace(md5).is_none()));
            assert_eq!(digests, expected);
        };
        check(&|digested| md5_each(count, message, digested));
        check(&|digested| md5_each_avx2(count, message, digested));
        check(&|digested| md5_each_portable(count, message, digested));
        for (message, expected) in messages.iter().zip(expected) {
            assert_eq!(Some(md5(message)), expected);
        }
    }

    #[test]
    fn the_vectors_of_the_standard_are_met() {
        // RFC 1321, A.5
        for (message, digest) in [
            ("", 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e),
            ("a", 0x0cc1_75b9_c0f1_b6a8_31c3_99e2_6977_2661),
            ("abc", 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72),
            ("message digest", 0xf96b_697d_7cb7_938d_525a_2f31_aaf1_61d0),
            (
                "12345678901234567890123456789012345678901234567890123456789012345678901234567890",
                0x57ed_f4a2_2be3_c955_ac49_da2e_2107_b67a_u128,
            ),
        ] {
            assert_eq!(
                hash_key(message.as_bytes()),
                HashKey::new(digest),
                "{message}"
            );
        }
    }

    #[test]
    fn every_length_up_to_five_blocks_agrees_with_the_oracle() {
        let lengths: Vec<_> = (0..=320).collect();
        agree(&messages(&lengths, 1));
        for len in lengths {
            agree(&messages(&[len; 33], len as u64));
        }
    }

    #[test]
    fn every_count_up_to_four_groups_agrees_with_the_oracle() {
        let mut dice = fastrand::Rng::with_seed(2);
        for count in 0..=128 {
            let short: Vec<_> = (0..count).map(|_| dice.usize(..=55)).collect();
            agree(&messages(&short, 3));
            let mixed: Vec<_> = (0..count).map(|_| dice.usize(..=300)).collect();
            agree(&messages(&mixed, 4));
        }
    }

    #[test]
    fn a_long_message_among_short_ones_keeps_no_lane_idle_and_no_digest_back() {
        for place in 0..50 {
            let mut lengths = vec![16; 50];
            lengths[place] = 10_000;
            agree(&messages(&lengths, place as u64));
        }
    }

    #[test]
    fn bodies_of_unequal_length_agree_with_the_oracle() {
        let mut dice = fastrand::Rng::with_seed(5);
        for count in [1, 2, 3, 4, 5, 8, 9, 16, 17, 24, 25, 32, 33, 40] {
            let lengths: Vec<_> = (0..count)
                .map(|_| dice.usize(50 << 10..128 << 10))
                .collect();
            agree(&messages(&lengths, count as u64));
        }
    }

    #[test]
    #[should_panic(expected = "one place for each digest")]
    fn places_for_the_digests_must_match_the_messages() {
        md5_many(&[b"a"], &mut []);
    }
}
