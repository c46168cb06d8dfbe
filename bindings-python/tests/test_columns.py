"""Records by columns: what has Arrow's PyCapsule interface is put from where it lies."""

import array
import asyncio
import ctypes
import doctest
import re

import pytest

import kinetik
from kinetik import Producer, aio

pyarrow = pytest.importorskip("pyarrow")

KEYS = [f"user-{n}" for n in range(1_000)]
DATA = [b"order %d" % n for n in range(1_000)]


@pytest.fixture(params=["threads", "asyncio"])
def put(request, engine):
    """Puts two columns; `put.ledger` is the producer's afterwards, `put.stored()` what arrived."""
    engine.create_stream("orders", 2)

    async def with_asyncio(keys, data, settings):
        async with aio.Producer("orders", aggregate=True, endpoint=engine, **settings) as producer:
            try:
                return await producer.put_columns(keys=keys, data=data)
            finally:
                put.ledger = producer.ledger

    def with_threads(keys, data, settings):
        with Producer("orders", aggregate=True, endpoint=engine, **settings) as producer:
            try:
                return producer.put_columns(keys=keys, data=data)
            finally:
                put.ledger = producer.ledger

    def put(keys, data, **settings):
        if request.param == "asyncio":
            return asyncio.run(with_asyncio(keys, data, settings))
        return with_threads(keys, data, settings)

    put.stored = lambda: sorted((record.key, record.data) for record in engine.records("orders"))
    return put


class Exported:
    """An object with the interface and nothing else."""

    def __init__(self, column):
        self.column = column


class Array(Exported):
    def __arrow_c_array__(self, requested_schema=None):
        return self.column.__arrow_c_array__(requested_schema)


class Stream(Exported):
    def __arrow_c_stream__(self, requested_schema=None):
        return self.column.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize("key_type", [pyarrow.string(), pyarrow.large_string()])
@pytest.mark.parametrize(
    "data_type", [pyarrow.binary(), pyarrow.large_binary(), pyarrow.string(), pyarrow.large_string()]
)
def test_every_row_of_two_columns_is_a_record(put, key_type, data_type):
    keys, data = pyarrow.array(KEYS, key_type), pyarrow.array(DATA, pyarrow.binary()).cast(data_type)
    assert put(Array(keys), Array(data)) == 1_000
    assert put.stored() == sorted(zip(KEYS, DATA))


def chunked(column, *ends):
    """The column in chunks that end there, each a slice of one array."""
    begins = [0, *ends]
    return pyarrow.chunked_array([column[begin:end] for begin, end in zip(begins, [*ends, len(column)])])


@pytest.mark.parametrize("ends", [(0,), (1, 1, 300), (256, 512, 1_000)])
def test_slices_and_chunks_that_do_not_match_are_one_column(put, ends):
    keys, data = pyarrow.array(["x", "y", *KEYS])[2:], chunked(pyarrow.array([b"z", *DATA])[1:], *ends)
    assert put(keys, data) == 1_000
    assert put(Stream(chunked(keys, 7, 999)), Stream(data)) == 1_000
    assert put.stored() == sorted([*zip(KEYS, DATA)] * 2)


def test_columns_without_rows_and_rows_without_data_are_taken(put):
    for empty in [pyarrow.array([], "string"), pyarrow.chunked_array([], "string"), pyarrow.array(["x"])[1:]]:
        assert put(empty, pyarrow.array([], "binary")) == 0
    table = pyarrow.table({"key": ["a", "b"], "data": pyarrow.array([b"", b""])})
    assert put(table["key"], table["data"]) == 2
    assert put.stored() == [("a", b""), ("b", b"")]


def test_what_a_reader_gives_as_columns_is_put_again(put, engine):
    put(pyarrow.array(KEYS), pyarrow.array(DATA))
    engine.create_stream("copy")
    with kinetik.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=engine) as reader:
        with Producer("copy", aggregate=True, endpoint=engine) as producer:
            for batch in reader.batches():
                columns = batch.to_arrow()
                assert producer.put_columns(columns["key"], columns["data"]) == len(batch)
    assert sorted((record.key, record.data) for record in engine.records("copy")) == put.stored()


class Half:
    """Its capsules are none."""

    def __arrow_c_array__(self, requested_schema=None):
        return "schema", "array"


class NoPair(Half):
    def __arrow_c_array__(self, requested_schema=None):
        return None


class Spent:
    """A stream that was read before."""

    def __init__(self):
        self.capsule = pyarrow.chunked_array([["a"]]).__arrow_c_stream__()
        kinetik._kinetik.Columns(self, pyarrow.array([b"x"]))

    def __arrow_c_stream__(self, requested_schema=None):
        return self.capsule


@pytest.mark.parametrize(
    ("column", "words"),
    [
        (["a"], "keys: expected a column of string or large_string, as an object with __arrow_c_array__"),
        ("a", "got str"),
        (pyarrow.array([1]), "keys: expected a column of string or large_string, got Arrow format l"),
        (pyarrow.array([b"a"]), "bytes; cast them to large_string"),
        (pyarrow.array(["a"]).dictionary_encode(), "a dictionary; cast it to large_string"),
        (pyarrow.array(["a"], pyarrow.string_view()), "views; cast them"),
        (pyarrow.table({"key": ["a"]}), "give one of its columns"),
        (pyarrow.array([None]), "got Arrow format n"),
        (Half(), "keys: expected a capsule arrow_schema, got str"),
        (NoPair(), "keys: expected a pair of capsules of __arrow_c_array__, got NoneType"),
    ],
)
def test_what_is_no_column_of_text_is_refused_by_name_and_type(put, column, words):
    with pytest.raises(kinetik.InvalidTypeError, match=re.escape(words)):
        put(column, pyarrow.array([b"x"]))
    assert put.ledger.accepted.records == 0


def test_a_column_of_data_is_bytes_or_text_and_nothing_else(put):
    with pytest.raises(kinetik.InvalidTypeError, match="data: expected a column of binary, large_binary, string"):
        put(pyarrow.array(["a"]), pyarrow.array([1.5]))
    with pytest.raises(kinetik.InvalidTypeError, match="data: .*got NoneType"):
        put(pyarrow.array(["a"]), None)


def test_a_stream_that_was_read_before_is_refused(put):
    with pytest.raises(kinetik.InvalidArgumentError, match="keys: the exporter's capsule was read before"):
        put(Spent(), pyarrow.array([b"x"]))


class Broken:
    """A stream of text that breaks at its first chunk, made by hand."""

    class Struct(ctypes.Structure):
        """struct ArrowArrayStream."""

    FILL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(Struct), ctypes.c_void_p)
    TELL = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(Struct))
    RELEASE = ctypes.CFUNCTYPE(None, ctypes.POINTER(Struct))
    Struct._fields_ = [
        ("get_schema", FILL),
        ("get_next", FILL),
        ("get_last_error", TELL),
        ("release", RELEASE),
        ("private_data", ctypes.c_void_p),
    ]

    def __init__(self):
        self.released = []

        def get_schema(_, schema):
            pyarrow.string()._export_to_c(schema)
            return 0

        def release(stream):
            self.released.append(stream.contents.release)
            stream.contents.release = self.RELEASE()

        why = ctypes.create_string_buffer(b"bad value: order of user-1")
        self.struct = self.Struct(
            self.FILL(get_schema),
            self.FILL(lambda *_: 5),
            self.TELL(lambda _: ctypes.addressof(why)),
            self.RELEASE(release),
        )

    def __arrow_c_stream__(self, requested_schema=None):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
        return new(ctypes.addressof(self.struct), b"arrow_array_stream", None)


def test_a_stream_that_breaks_says_what_failed_without_the_exporters_text_and_is_released_once(put):
    broken = Broken()
    words = "keys: the exporter's Arrow stream did not give its next array: Input/output error"
    with pytest.raises(kinetik.InvalidArgumentError, match=words) as refused:
        put(broken, pyarrow.array([b"x"]))
    assert "order of user-1" not in str(refused.value)
    assert len(broken.released) == 1


def test_an_exception_of_the_exporter_comes_through_unchanged(put):
    class Mine:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        put(Mine(), pyarrow.array([b"x"]))


def test_columns_of_different_lengths_are_refused_with_both(put):
    with pytest.raises(kinetik.InvalidArgumentError, match="data: has 999 rows, and keys has 1000"):
        put(pyarrow.array(KEYS), chunked(pyarrow.array(DATA[:-1]), 10))
    assert put.ledger.accepted.records == 0


@pytest.mark.parametrize("row", [0, 8, 300, 999])
def test_a_null_is_refused_with_its_row_and_column_before_anything_is_put(put, row):
    keys, data = [*KEYS], [*DATA]
    keys[row] = data[row] = None
    with pytest.raises(kinetik.InvalidArgumentError, match=f"at record {row}: keys: is null") as refused:
        put(chunked(pyarrow.array(["x", None, "x", *keys])[3:], 5, 299), pyarrow.array(DATA))
    with pytest.raises(kinetik.InvalidArgumentError, match=f"at record {row}: data: is null") as refused:
        put(pyarrow.array(KEYS), pyarrow.array([None, *data])[1:])
    assert isinstance(refused.value, kinetik.RecordError)
    assert (refused.value.index, refused.value.accepted) == (row, 0)
    assert put.ledger.accepted.records == 0


@pytest.mark.parametrize("row", [0, 1, 300, 999])
def test_what_stands_before_a_bad_record_is_taken(put, row):
    keys, data = [*KEYS], [*DATA]
    keys[row], data[(row + 7) % 1_000] = "", bytes(1 << 20)
    with pytest.raises(kinetik.InvalidArgumentError, match="partition_key") as refused:
        put(chunked(pyarrow.array(keys), 299), pyarrow.array(DATA))
    assert isinstance(refused.value, kinetik.RecordError)
    assert (refused.value.index, refused.value.accepted) == (row, row)
    assert put.ledger.accepted.records == row
    with pytest.raises(kinetik.RecordTooLarge) as refused:
        put(pyarrow.array(KEYS), pyarrow.array(data))
    assert refused.value.accepted == put.ledger.accepted.records == (row + 7) % 1_000


def crooked(bounds):
    """A column whose rows begin and end there, whatever there is of them."""
    offsets = array.array("i", [0] * len(bounds))
    buffers = [None, pyarrow.py_buffer(offsets), pyarrow.py_buffer(b"abcd")]
    column = pyarrow.Array.from_buffers(pyarrow.string(), len(bounds) - 1, buffers)
    # Behind pyarrow's back, which would not make it.
    offsets[:] = array.array("i", bounds)
    return column


@pytest.mark.parametrize(("bounds", "row"), [([-1, 1], 0), ([0, 2, 1, 3], 1), ([3, 4, 4, 2], 2)])
def test_bounds_that_no_sound_column_has_are_refused(put, bounds, row):
    keys = crooked(bounds)
    with pytest.raises(kinetik.InvalidArgumentError, match=f"at record {row}: keys: ends before it begins"):
        put(keys, pyarrow.array([b"x"] * len(keys)))


def test_text_that_is_none_is_refused_as_a_key(put):
    offsets = pyarrow.py_buffer((0).to_bytes(4, "little") + (1).to_bytes(4, "little"))
    keys = pyarrow.Array.from_buffers(pyarrow.string(), 1, [None, offsets, pyarrow.py_buffer(b"\xff")])
    with pytest.raises(kinetik.InvalidArgumentError, match="partition_key: expected UTF-8"):
        put(keys, pyarrow.array([b"x"]))


def test_a_full_buffer_is_waited_for_and_one_that_stays_full_is_an_error(put, engine):
    assert put(pyarrow.array(KEYS), chunked(pyarrow.array(DATA), 400), buffer_records=20, linger=0.0) == 1_000
    assert put.stored() == sorted(zip(KEYS, DATA))
    engine.faults.fail("PutRecords", "ProvisionedThroughputExceededException", times=1_000_000)
    settings = {"buffer_records": 20, "put_timeout": 0.05, "deadline": 1.0, "linger": 0.5}
    with pytest.raises(kinetik.KinetikError) as full:
        put(pyarrow.array(KEYS), pyarrow.array(DATA), **settings)
    # Leaving the block tells of those that were taken.
    refused = full.value.__context__
    assert isinstance(refused, kinetik.BufferFull) and isinstance(refused, kinetik.RecordError)
    assert refused.accepted == put.ledger.accepted.records == 20


def test_a_closed_producer_takes_no_columns(engine):
    engine.create_stream("orders")
    producer = Producer("orders", aggregate=True, endpoint=engine)
    producer.close()
    with pytest.raises(kinetik.Closed):
        producer.put_columns(pyarrow.array(KEYS), pyarrow.array(DATA))


def test_the_example_of_the_documentation_runs(engine):
    engine.create_stream("orders")
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        names = {"pyarrow": pyarrow, "producer": producer}
        example = doctest.DocTestParser().get_doctest(Producer.put_columns.__doc__, names, "put_columns", None, 0)
        assert len(example.examples) == 2
        assert doctest.DocTestRunner().run(example).failed == 0
    assert len(engine.records("orders")) == 2
