"""The shard map."""

import pytest

import kinetik


def test_a_fresh_map_covers_the_ring_evenly():
    shards = kinetik.ShardMap(4)
    assert len(shards) == 4
    ranges = shards.ranges()
    assert ranges[0][1] == 0
    assert ranges[-1][2] == 2**128 - 1
    assert all(left[2] + 1 == right[1] for left, right in zip(ranges, ranges[1:]))


def test_a_key_goes_to_the_shard_whose_range_holds_its_hash():
    shards = kinetik.ShardMap(7)
    for key in map(str, range(100)):
        hash_key = kinetik.hash_key(key)
        owner = next(id for id, first, last in shards.ranges() if first <= hash_key <= last)
        assert shards.shard_of(key) == owner
    assert shards.shard_of("any", explicit_hash_key=2**128 - 1) == "shardId-000000000006"


def test_a_map_is_made_of_what_list_shards_answers():
    listed = {
        "ShardId": "shardId-000000000001",
        "HashKeyRange": {"StartingHashKey": "0", "EndingHashKey": "9"},
        "SequenceNumberRange": {"StartingSequenceNumber": "1"},
    }
    shards = kinetik.ShardMap([listed])
    assert shards.shard_of("k", 5) == "shardId-000000000001"
    assert shards.shard_of("k", 10) is None


@pytest.mark.parametrize("shards", [0, -1, 1_000_000, "four", 1.5, [5], [{"ShardId": "x"}]])
def test_what_is_no_list_of_shards_is_refused(shards):
    with pytest.raises((kinetik.InvalidArgumentError, kinetik.InvalidTypeError)):
        kinetik.ShardMap(shards)
