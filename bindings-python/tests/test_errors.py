"""One class for each kind, natural builtin bases, and errors that survive pickling."""

import pickle

import pytest

import kinetik
from kinetik import _kinetik
from kinetik.errors import CLASSES, make


def test_every_kind_has_a_class_of_its_own_below_the_base():
    kinds = _kinetik.error_kinds()
    assert len(kinds) >= 20
    assert len({CLASSES[code] for _, code, _, _ in kinds}) == len(kinds)
    for _, code, retry, meaning in kinds:
        cls = CLASSES[code]
        assert issubclass(cls, kinetik.KinetikError)
        assert (cls.code, cls.retry, cls.__doc__) == (code, retry, meaning)
        assert getattr(kinetik, cls.__name__) is cls
        assert cls.__module__ == "kinetik"


def test_an_error_of_every_kind_survives_pickling_with_its_attributes():
    for code in CLASSES:
        error = make(code, "text", {"stream": "orders", "attempts": 3})
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is CLASSES[code]
        assert (str(again), again.stream, again.attempts) == ("text", "orders", 3)


def test_a_record_error_is_also_of_its_kind_and_survives_pickling():
    error = make(kinetik.InvalidArgumentError.code, "text", {"index": 4, "accepted": 4})
    for error in (error, pickle.loads(pickle.dumps(error))):
        assert isinstance(error, kinetik.RecordError)
        assert isinstance(error, kinetik.InvalidArgumentError)
        assert (error.index, error.accepted, error.code) == (4, 4, kinetik.InvalidArgumentError.code)


@pytest.mark.parametrize(
    ("name", "builtin"),
    [
        ("InvalidArgumentError", ValueError),
        ("InvalidTypeError", TypeError),
        ("RecordTooLarge", ValueError),
        ("TimedOut", TimeoutError),
        ("FlushTimeout", TimeoutError),
        ("NotFound", LookupError),
        ("AccessDenied", PermissionError),
        ("ConnectionFailed", ConnectionError),
    ],
)
def test_kinds_are_the_builtin_exceptions_that_say_the_same(name, builtin):
    assert issubclass(getattr(kinetik, name), builtin)
