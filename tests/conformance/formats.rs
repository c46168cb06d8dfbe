//! Sequence numbers, identifiers, hash ranges and routing: reference/kinesis-api.md 4.

use std::time::Duration;

use kinetik::api::{
    CreateStreamInput, DeleteStreamInput, GetRecordsInput, GetShardIteratorInput, MergeShardsInput,
    PutRecordInput, SplitShardInput,
};
use kinetik::types::{SequenceNumber, SequenceParts};

use crate::behaviours;
use crate::service::{PLAIN, START, Service, iterator, put, shard};

const HALF: &str = "170141183460469231731687303715884105728";

fn parts(number: &str) -> SequenceParts {
    number
        .parse::<SequenceNumber>()
        .expect("a number")
        .parts()
        .expect("a number of version 2")
}

/// The hexadecimal digits of a sequence number, the highest first.
fn hexadecimal(number: &str) -> String {
    let bytes = number
        .parse::<SequenceNumber>()
        .expect("a number")
        .to_bytes();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.trim_start_matches('0').to_owned()
}

fn starts(service: &Service<'_>, shards: i32) -> Vec<String> {
    service.create("ring", shards);
    let ranges = service
        .shards("ring")
        .into_iter()
        .map(|one| one.hash_key_range);
    ranges
        .map(|range| range.starting_hash_key.to_string())
        .collect()
}

fn split(service: &Service<'_>, of: &str, at: &str) {
    service.ok(SplitShardInput {
        stream_name: Some("one".into()),
        shard_to_split: Some(of.into()),
        new_starting_hash_key: Some(at.into()),
        ..Default::default()
    });
}

/// The shard that takes a record with this key, in a stream of three.
#[track_caller]
fn is_routed(service: &Service<'_>, key: &str, expected: u32) {
    assert_eq!(
        service.put("three", key, "x").shard_id,
        *shard(expected),
        "{key}"
    );
}

/// The bytes of an iterator of a stream with a name of so many characters.
fn iterator_bytes(service: &Service<'_>, name_length: usize) -> usize {
    let name = "n".repeat(name_length);
    service.create(&name, 1);
    service.iterator(&name, "0", "LATEST").len() / 4 * 3
}

behaviours! {
    "I 4.1, W 6.1" a_number_has_56_digits PLAIN => |service| {
        service.create("one", 1);
        for _ in 0..3 {
            let number = service.put("one", "k", "x").sequence_number;
            assert!(number.len() == 56 && number.starts_with("4964"), "{number}");
        }
    };
    "I 4.1" a_number_tells_version_creation_index_time_and_shard PLAIN => |service| {
        service.create("three", 3);
        service.advance(Duration::from_secs(70));
        let put = service.put("three", "b", "x");
        let digits = hexadecimal(&put.sequence_number);
        assert_eq!(digits.len(), 47);
        let field = |from: usize, to: usize| u64::from_str_radix(&digits[from..=to], 16).expect("digits");
        assert_eq!((field(0, 0), field(46, 46)), (2, 2));
        let created = field(1, 9);
        assert!((2..=7).contains(&(START.as_secs() - created)), "{created}");
        assert_eq!(field(29, 37), START.as_secs() + 70);
        assert_eq!((field(10, 10), field(38, 45), field(27, 28)), (1, 1, 0));
        assert_eq!(field(11, 11) >> 3, 0);
    };
    "I 4.1" a_number_that_users_saw_is_read_as_it_was_made PLAIN => |_service| {
        let seen = parts("49674026002850188218576229259473476449429298564223254594");
        assert_eq!((seen.created, seen.index, seen.put, seen.shard.get()), (1_777_319_237, 21_689_507_110, 1_777_320_018, 3_076));
        let seen = parts("49594189147623985939251953501666965394405037144469929986");
        assert_eq!((seen.index, seen.shard.get()), (195, 0));
    };
    "K 4.1" indexes_rise_by_record PLAIN => |service| {
        service.create("one", 1);
        let indexes: Vec<_> = (0..5).map(|_| parts(&service.put("one", "k", "x").sequence_number).index).collect();
        assert!(indexes.windows(2).all(|pair| pair[0] < pair[1]), "{indexes:?}");
    };
    "K 4.1" a_fresh_shard_starts_at_index_0_of_its_creation PLAIN => |service| {
        service.create("one", 2);
        for one in service.shards("one") {
            let start = parts(&one.sequence_number_range.starting_sequence_number);
            assert_eq!((start.index, start.put), (0, start.created));
        }
    };
    "K 4.1" a_closed_shard_ends_at_the_last_index_of_its_closing_second PLAIN => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(100));
        split(service, "0", HALF);
        let range = &service.shards("one")[0].sequence_number_range;
        let (start, end) = (parts(&range.starting_sequence_number), parts(range.ending_sequence_number.as_deref().unwrap()));
        assert_eq!((end.index, end.put), (0x7fff_ffff_ffff_ffff, START.as_secs() + 100));
        assert_eq!((end.created, end.shard), (start.created, start.shard));
    };
    // AWS takes longer than that to delete a stream, so there the numbers tell its successor apart by themselves.
    "kinetik's choice" a_stream_made_again_at_once_has_numbers_that_tell_it_from_the_one_before PLAIN => |service| {
        let mut newest = 0;
        for _ in 0..4 {
            service.create("one", 1);
            split(service, "0", HALF);
            let shards = service.shards("one").into_iter();
            let seconds: Vec<_> = shards
                .map(|shard| parts(&shard.sequence_number_range.starting_sequence_number).created)
                .collect();
            assert!(seconds.iter().all(|second| *second > newest), "{seconds:?} after {newest}");
            newest = seconds.into_iter().max().unwrap_or_default();
            service.ok(DeleteStreamInput {
                stream_name: Some("one".into()),
                ..Default::default()
            });
        }
    };
    "K 1.9, 4.1" a_child_starts_a_second_after_its_parent_ended PLAIN => |service| {
        service.create("one", 1);
        split(service, "0", HALF);
        service.advance(Duration::from_secs(10));
        service.ok(MergeShardsInput {
            stream_name: Some("one".into()),
            shard_to_merge: Some(shard(1).into()),
            adjacent_shard_to_merge: Some(shard(2).into()),
            ..Default::default()
        });
        let shards = service.shards("one");
        let end = |at: usize| parts(shards[at].sequence_number_range.ending_sequence_number.as_deref().unwrap()).put;
        let child = parts(&shards[3].sequence_number_range.starting_sequence_number);
        assert_eq!((child.created, child.index), (end(1).max(end(2)) + 1, 0));
    };
    "K 1.10" the_time_of_a_number_is_that_of_its_record PLAIN => |service| {
        service.create("one", 1);
        service.advance(Duration::from_millis(12_345));
        let number = service.put("one", "k", "x").sequence_number;
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let arrived = service.get(&from).records[0].approximate_arrival_timestamp.expect("a time");
        assert_eq!((parts(&number).put, arrived), (arrived.as_secs(), START + Duration::from_millis(12_345)));
    };
    "K 4.1" numbers_order_records_as_text_and_as_numbers PLAIN => |service| {
        service.create("one", 1);
        let mut numbers = Vec::new();
        for _ in 0..20 {
            numbers.push(service.put("one", "k", "x").sequence_number);
            service.advance(Duration::from_millis(777));
        }
        let as_numbers: Vec<SequenceNumber> = numbers.iter().map(|text| text.parse().unwrap()).collect();
        assert!(numbers.is_sorted() && as_numbers.is_sorted());
    };
    "K 4.1" numbers_of_other_versions_are_invalid PLAIN => |service| {
        service.create("one", 1);
        // A good number but for its last digit: version nibble 3.
        let number = service.put("one", "k", "x").sequence_number;
        let other: SequenceNumber = number.parse().unwrap();
        let mut bytes = other.to_bytes();
        bytes[23] = bytes[23] & 0xf0 | 3;
        let wrong = SequenceNumber::from_bytes(bytes).to_string();
        let input = GetShardIteratorInput {
            starting_sequence_number: Some(wrong.clone().into()),
            ..iterator("one", "0", "AT_SEQUENCE_NUMBER")
        };
        service.refused(input, "InvalidArgumentException", &format!(
            "StartingSequenceNumber {wrong} used in GetShardIterator on shard shardId-000000000000 in stream one under \
             account 000000000000 is invalid."
        ));
    };
    "K 4.1" a_creation_after_the_year_2477_is_invalid PLAIN => |service| {
        service.create("one", 1);
        // The first creation second that is refused; index, put and shard are zero, both versions 2.
        let mut digits = format!("2{:09x}", 16_025_175_000_u64);
        digits.push_str(&"0".repeat(36));
        digits.push('2');
        let mut value = [0_u8; 24];
        let padded = format!("{digits:0>48}");
        for (at, byte) in value.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&padded[2 * at..2 * at + 2], 16).unwrap();
        }
        let wrong = SequenceNumber::from_bytes(value).to_string();
        let input = GetShardIteratorInput {
            starting_sequence_number: Some(wrong.into()),
            ..iterator("one", "0", "AT_SEQUENCE_NUMBER")
        };
        let refusal = service.refusal(input);
        assert_eq!(refusal.code(), "InvalidArgumentException");
        assert!(refusal.message().unwrap().ends_with("is invalid."), "{refusal}");
    };
    "K 4.2" a_shard_id_has_twelve_digits PLAIN => |service| {
        service.create("many", 12);
        let ids: Vec<_> = service.shards("many").into_iter().map(|one| one.shard_id.to_string()).collect();
        assert_eq!((&*ids[0], &*ids[11]), ("shardId-000000000000", "shardId-000000000011"));
    };
    "K 4.2" a_shard_id_may_have_any_text_before_its_digits PLAIN => |service| {
        service.create("one", 1);
        for form in ["shard-0", "x-0", "0", "-0", "-00000000000000000000", "shardId-0000000000000000000"] {
            service.iterator("one", form, "LATEST");
        }
    };
    "K 4.2" the_highest_shard_number_is_2147483647 PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            iterator("one", "-2147483647", "LATEST"),
            "ResourceNotFoundException",
            "Shard shardId-002147483647 in stream one under account 000000000000 does not exist",
        );
        service.refused(
            iterator("one", "-2147483648", "LATEST"),
            "ResourceNotFoundException",
            "Could not find shard -2147483648 in stream one under account 000000000000.",
        );
    };
    "K 4.2" shard_ids_are_read_so_by_every_operation PLAIN => |service| {
        service.create("one", 1);
        split(service, "x-0", HALF);
        service.ok(MergeShardsInput {
            stream_name: Some("one".into()),
            shard_to_merge: Some("shard-1".into()),
            adjacent_shard_to_merge: Some("2".into()),
            ..Default::default()
        });
        assert_eq!(service.shards("one").len(), 4);
    };
    "K 4.2" an_iterator_has_152_bytes_and_16_more_for_each_longer_name PLAIN => |service| {
        // 152 + floor((length + 2 or 14) / 16) * 16, padding of base64 left aside.
        for (length, bytes) in [(1, 152), (13, 152), (14, 168), (29, 168), (30, 184)] {
            let seen = iterator_bytes(service, length);
            assert!((bytes..bytes + 3).contains(&seen), "{length}: {seen}");
        }
    };
    "K 4.2" an_iterator_of_the_longest_name_has_at_most_512_characters PLAIN => |service| {
        let name = "n".repeat(128);
        service.create(&name, 1);
        let from = service.iterator(&name, "0", "LATEST");
        assert!(from.len() <= 512);
        service.get(&from);
    };
    "K 4.2" an_iterator_begins_with_a_one_in_eight_bytes PLAIN => |service| {
        service.create("one", 1);
        // base64 of 00 00 00 00 00 00 00 01 and whatever follows.
        assert!(service.iterator("one", "0", "LATEST").starts_with("AAAAAAAAAA"));
    };
    "K 4.2 (that it is told is kinetik's choice)" an_iterator_with_any_character_changed_is_none PLAIN => |service| {
        service.create("one", 1);
        let good = service.iterator("one", "0", "LATEST");
        for at in (0..good.len()).step_by(17) {
            let other = if good.as_bytes()[at] == b'B' { "C" } else { "B" };
            let mut bad = good.clone();
            bad.replace_range(at..=at, other);
            let input = GetRecordsInput { shard_iterator: Some(bad.into()), ..Default::default() };
            service.refused(input, "InvalidArgumentException", "Invalid ShardIterator.");
        }
    };
    "M 4.2" an_arn_names_partition_region_account_and_stream PLAIN => |service| {
        service.ok(CreateStreamInput { stream_name: Some("a.b-c_d".into()), shard_count: Some(1), ..Default::default() });
        let streams = service.ok(kinetik::api::ListStreamsInput::default()).stream_summaries.unwrap();
        assert_eq!(streams[0].stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/a.b-c_d");
    };
    "K 4.3" three_shards_begin_at_thirds PLAIN => |service| {
        assert_eq!(starts(service, 3), [
            "0", "113427455640312821154458202477256070485", "226854911280625642308916404954512140970",
        ]);
    };
    "K 4.3" four_shards_begin_at_quarters PLAIN => |service| {
        assert_eq!(starts(service, 4), [
            "0", "85070591730234615865843651857942052864", HALF, "255211775190703847597530955573826158592",
        ]);
    };
    "K 4.3" five_shards_begin_at_fifths PLAIN => |service| {
        assert_eq!(starts(service, 5), [
            "0", "68056473384187692692674921486353642291", "136112946768375385385349842972707284582",
            "204169420152563078078024764459060926873", "272225893536750770770699685945414569164",
        ]);
    };
    "K 4.3" the_last_shard_ends_at_the_end_of_the_ring PLAIN => |service| {
        for shards in [1, 2, 3, 7] {
            let name = format!("ring-{shards}");
            service.create(&name, shards);
            let last = service.shards(&name).pop().expect("a shard").hash_key_range;
            assert_eq!(last.ending_hash_key, "340282366920938463463374607431768211455");
        }
    };
    "K 4.3" every_range_ends_where_the_next_begins PLAIN => |service| {
        service.create("ring", 37);
        let ranges: Vec<_> = service.shards("ring").into_iter().map(|one| one.hash_key_range).collect();
        for pair in ranges.windows(2) {
            let end: u128 = pair[0].ending_hash_key.parse().unwrap();
            assert_eq!((end + 1).to_string(), *pair[1].starting_hash_key);
        }
    };
    "K 4.4" keys_find_their_shards_by_md5 PLAIN => |service| {
        service.create("three", 3);
        for (key, expected) in [("a", 0), ("b", 1), ("e", 2), ("f", 1), ("partitionKey", 1), ("ünicödé", 0)] {
            is_routed(service, key, expected);
        }
    };
    "K 4.4" a_hash_key_takes_the_place_of_the_keys_md5 PLAIN => |service| {
        service.create("three", 3);
        for (hash, expected) in [
            ("0", 0),
            ("113427455640312821154458202477256070484", 0),
            ("113427455640312821154458202477256070485", 1),
            ("226854911280625642308916404954512140969", 1),
            ("226854911280625642308916404954512140970", 2),
            ("340282366920938463463374607431768211455", 2),
        ] {
            let input = PutRecordInput { explicit_hash_key: Some(hash.into()), ..put("three", "a", "x") };
            assert_eq!(service.ok(input).shard_id, *shard(expected), "{hash}");
        }
    };
}
