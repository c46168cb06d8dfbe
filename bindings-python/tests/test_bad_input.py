"""Bad input in Python, in both faces: every row of docs/bad-input.md, which the other languages read, too."""

import asyncio
import os
import warnings
from pathlib import Path

import pytest

import kinetik
from kinetik import Engine, Producer, _kinetik, aio
from kinetik.errors import CLASSES

PAGE = Path(__file__).parents[2] / "docs" / "bad-input.md"
KINDS = {kind: CLASSES[code] for kind, code, _, _ in _kinetik.error_kinds()}


def rows():
    """Case, class and words of each row that Python tries."""
    found = []
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("|")][2:]
    for line in table:
        case, kind, words, tried_in = (cell.strip() for cell in line.strip("|").split("|"))
        if "Python" in tried_in.split(", "):
            found.append(pytest.param(case, KINDS[kind], words.split("; "), id=case))
    return found


#: The arguments of a put.
RECORDS = {
    "an empty key": ("", b"data"),
    "a key of 257 characters": ("k" * 257, b"data"),
    "a key of 257 characters of four bytes": ("😀" * 257, b"data"),
    "a key that is no Unicode text": ("kkk\ud800", b"data"),
    "a key that is no string": (b"kkk", b"data"),
    "text in place of bytes": ("k", "secret"),
    "nothing in place of bytes": ("k", None),
    "an explicit hash key of 2^128": ("k", b"data", 2**128),
    "an explicit hash key below zero": ("k", b"data", -1),
    "an explicit hash key with a leading zero": ("k", b"data", "01"),
    "an explicit hash key in letters": ("k", b"data", "one"),
    "an explicit hash key of another type": ("k", b"data", 1.0),
    "a record one byte over the stream's limit": ("k", bytes(1 << 20)),
}

#: The settings of a producer, in place of the good ones.
SETTINGS = {
    "a stream that is not there": {"stream": "nowhere"},
    "a stream's name with a blank": {"stream": "no blanks"},
    "a producer that does not say whether it aggregates": {"aggregate": None},
    "a setting below zero": {"linger": -1.0},
    "an endpoint of an unknown scheme": {"endpoint": "ftp://example.com"},
}


def opened(face, engine, **settings):
    return face(**{"stream": "orders", "aggregate": True, "endpoint": engine, **settings})


def with_threads(case, engine):
    if case in SETTINGS:
        return opened(Producer, engine, **SETTINGS[case])
    producer = opened(Producer, engine)
    if case == "a closed producer":
        producer.close()
    try:
        return producer.put(*RECORDS.get(case, ("k", b"data")))
    finally:
        assert producer.ledger.accepted.records == 0


def with_asyncio(case, engine):
    async def work():
        producer = await opened(aio.Producer, engine, **SETTINGS.get(case, {}))
        if case == "a closed producer":
            await producer.close()
        try:
            await producer.put(*RECORDS.get(case, ("k", b"data")))
        finally:
            assert producer.ledger.accepted.records == 0

    asyncio.run(work())


def in_a_forked_child(engine):
    """Raises in this process what a put of the parent's producer raises in a forked child."""
    with opened(Producer, engine) as producer:
        told, tell = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            child = os.fork()
        if child == 0:
            try:
                producer.put("k", b"data")
            except kinetik.KinetikError as error:
                os.write(tell, f"{error.code} {error}".encode())
            finally:
                os._exit(0)
        os.close(tell)
        with open(told) as report:
            code, text = report.read().split(" ", 1)
        assert os.waitpid(child, 0)[1] == 0
    raise CLASSES[int(code)](text)


@pytest.mark.parametrize("face", [with_threads, with_asyncio])
@pytest.mark.parametrize(("case", "kind", "words"), rows())
def test_every_row_of_the_table_is_refused_with_its_kind_field_and_limit(case, kind, words, face):
    engine = Engine(quotas=False)
    engine.create_stream("orders")
    with pytest.raises(kinetik.KinetikError) as refused:
        if case == "a producer of the parent in a forked child":
            in_a_forked_child(engine)
        else:
            face(case, engine)
    assert type(refused.value) is kind
    text = str(refused.value)
    assert all(word in text for word in words), text
    assert not any(shown in text for shown in ["kkk", "😀", "secret"]), text


def test_every_case_has_its_row():
    named = {row.id for row in rows()}
    assert named == {*RECORDS, *SETTINGS, "a closed producer", "a producer of the parent in a forked child"}
