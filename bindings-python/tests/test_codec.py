"""Aggregated records and hash keys on their own."""

import hashlib
import re

import pytest

import kinetik

# Aggregates as other encoders write them.
GOLDEN = [
    (
        [("a", b"hello"), ("b", b"world")],
        "f3899ac20a01610a01621a0908001a0568656c6c6f1a0908011a05776f726c647cf45228cd79941b056e6743990bf8ab",
    ),
    (
        [("a", b"1", 0), ("b", b"2")],
        "f3899ac20a01610a01621201301a07080010001a01311a0508011a0132dc8d427deb4c9b7a2e786e044d5c43b4",
    ),
    (
        [("é", b"1"), ("😀", b"2")],
        "f3899ac20a02c3a90a04f09f98801a0508001a01311a0508011a0132fbb66201d62a6e3d02dacd644d0eb3c2",
    ),
]


@pytest.mark.parametrize(("records", "expected"), GOLDEN)
def test_golden_vectors_are_written_byte_for_byte_and_read_back(records, expected):
    sealed = kinetik.aggregate(records)
    assert sealed.hex() == expected
    read = kinetik.deaggregate(sealed)
    assert [(r.key, r.data, r.explicit_hash_key) for r in read] == [(*r, None)[:3] for r in records]
    assert [r.sub_sequence_number for r in read] == [0, 1]


def test_hash_key_is_the_md5_of_the_key_as_a_number():
    for key in ["a", "user-1", "é😀", "x" * 256]:
        assert kinetik.hash_key(key) == int.from_bytes(hashlib.md5(key.encode()).digest())


def test_any_buffer_is_data():
    for data in [b"hello", bytearray(b"hello"), memoryview(b"hello"), memoryview(b"hello").cast("b")]:
        assert kinetik.deaggregate(kinetik.aggregate([("k", data)]))[0].data == b"hello"


def test_what_is_no_aggregate_is_told_apart_from_an_empty_answer():
    for data in [b"", b"plain", b"\xf3\x89\x9a\xc2", kinetik.aggregate([("k", b"v")])[:-1]]:
        assert kinetik.deaggregate(data) is None


def test_a_user_record_that_names_a_missing_key_is_refused_whole_unless_asked_otherwise():
    body = bytes.fromhex("0a0161" "1a0508001a0131" "1a0508071a0132")
    damaged = b"\xf3\x89\x9a\xc2" + body + hashlib.md5(body).digest()
    with pytest.raises(kinetik.CorruptAggregate):
        kinetik.deaggregate(damaged)
    assert [r.data for r in kinetik.deaggregate(damaged, strict=False)] == [b"1"]


@pytest.mark.parametrize(
    ("records", "kind", "words"),
    [
        ([("", b"x")], kinetik.InvalidArgumentError, "1 to 256"),
        ([("k" * 257, b"x")], kinetik.InvalidArgumentError, "1 to 256"),
        ([("a\ud800", b"x")], kinetik.InvalidArgumentError, "surrogate"),
        ([(b"k", b"x")], kinetik.InvalidTypeError, "key"),
        ([("k", "text")], kinetik.InvalidTypeError, "encode"),
        ([("k", 5)], kinetik.InvalidTypeError, "data"),
        ([("k",)], kinetik.InvalidTypeError, "tuple"),
        (["kv"], kinetik.InvalidTypeError, "tuple"),
        ([("k", b"x", -1)], kinetik.InvalidArgumentError, "2^128"),
        ([("k", b"x", 2**128)], kinetik.InvalidArgumentError, "2^128"),
        ([("k", b"x", "01")], kinetik.InvalidArgumentError, "explicit_hash_key"),
        ([("k", b"x", 1.5)], kinetik.InvalidTypeError, "explicit_hash_key"),
        ([], kinetik.InvalidArgumentError, "record"),
    ],
)
def test_bad_records_are_typed_errors_that_name_the_field(records, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        kinetik.aggregate(records)


@pytest.mark.parametrize("bad", [("", b"x"), (b"k", b"x"), ("k", 5), ("k", b"x", -1), ("k",)])
def test_a_bad_record_of_an_aggregate_is_refused_with_its_index(bad):
    with pytest.raises(kinetik.RecordError) as refused:
        kinetik.aggregate([("k", b"x"), ("k", b"y"), bad])
    assert refused.value.index == 2
