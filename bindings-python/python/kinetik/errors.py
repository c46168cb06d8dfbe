"""The errors of kinetik: one class for each kind of the core, all below KinetikError.

The classes are made from the core's own table, so a kind can neither be missing nor share a class. Where a
builtin exception says the same (ValueError, TypeError, TimeoutError, ...), the class is also that.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from . import _kinetik

if TYPE_CHECKING:
    from ._kinetik import Failure


class KinetikError(Exception):
    """What every failed call of kinetik raises; the subclass and the code say what kind of failure it is.

    The text is for people and may change. It never holds a payload, a partition key or a credential.
    """

    #: The stable number of the kind; 0 for an error without a kind.
    code: int = 0
    #: Whether trying again can help: "never", "now" or "after" a pause.
    retry: str = "never"
    #: The pause in seconds, where it is known.
    retry_after: float | None = None
    #: The operation in which it happened, for example "PutRecords".
    operation: str | None = None
    #: The stream it is about.
    stream: str | None = None
    #: The shard it is about.
    shard_id: str | None = None
    #: How often it was tried; 0 where nothing was sent.
    attempts: int = 0
    #: AWS's own name of the error, for example "ResourceNotFoundException".
    aws_code: str | None = None
    #: The service's id of the request, for AWS support.
    request_id: str | None = None
    #: The HTTP status of the answer.
    http_status: int | None = None
    #: What is known of a record whose outcome was waited for, by put_and_wait or a future of submit: whether the stream may
    #: hold it all the same (`persisted`), `attempts`, `failed_attempts`. None in other errors, and after pickling.
    failure: Failure | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # Some of the classes are made while the program runs and have no importable name. An error that travels to another
        # process leaves behind what holds records, and the account of the producer.
        fields = {name: value for name, value in self.__dict__.items() if name != "failure" and name not in _LEFT}
        style = "client" if isinstance(self, ClientError) else "plain"
        return (make, (self.code, str(self), fields, style))


class RecordError(KinetikError):
    """A record of put_many was refused; the ones before it were taken. Also an instance of the kind's class."""

    #: Which record it was, from 0.
    index: int = 0
    #: How many records were taken: the first `accepted` ones.
    accepted: int = 0


class ClientError(KinetikError):
    """What `kinetik.client` raises for the service's answers: boto3's attributes on the kind's class.

    Where botocore is installed, the error is an instance of botocore's ClientError, too.
    """

    #: boto3's answer: {"Error": {"Code", "Message"}, "ResponseMetadata": {...}}, and "message" of an exception of the model.
    response: dict[str, Any] = {}
    #: The operation, for example "PutRecord".
    operation_name: str = ""

    @property
    def MSG_TEMPLATE(self) -> str:
        return "An error occurred ({error_code}) when calling the {operation_name} operation: {error_message}"


#: Kinds whose class is called otherwise than the kind.
_NAMES = {
    "InvalidArgument": "InvalidArgumentError",
    "InvalidType": "InvalidTypeError",
    "DeliveryFailed": "DeliveryError",
    "Encryption": "EncryptionError",
    "Connection": "ConnectionFailed",
    "Protocol": "ProtocolError",
    "Internal": "InternalError",
}

#: Kinds that say the same as a builtin exception.
_BUILTINS: dict[str, type[Exception]] = {
    "InvalidArgument": ValueError,
    "InvalidType": TypeError,
    "RecordTooLarge": ValueError,
    "TimedOut": TimeoutError,
    "FlushTimeout": TimeoutError,
    "Expired": TimeoutError,
    "NotFound": LookupError,
    "AccessDenied": PermissionError,
    "Connection": ConnectionError,
}

#: What flush and close raise says what is left: the producer's `ledger`, of which `pending` is neither delivered nor failed,
#: the `failures` that nobody took, given back, and after close the `leftover`: the records that are pending for good.
_LEFT: dict[str, Any] = {"ledger": None, "pending": None, "failures": (), "leftover": ()}

#: What the errors of some kinds carry beside.
_MORE = dict.fromkeys(["FlushTimeout", "DeliveryFailed", "Internal"], _LEFT)


def _declare(kind: str, code: int, retry: str, meaning: str) -> type[KinetikError]:
    builtin = _BUILTINS.get(kind)
    bases: tuple[type, ...] = (KinetikError, builtin) if builtin else (KinetikError,)
    members: dict[str, Any] = {"__doc__": meaning, "__module__": "kinetik", "code": code, "retry": retry}
    members.update(_MORE.get(kind, {}))
    return type(_NAMES.get(kind, kind), bases, members)


#: Code -> class, for every kind there is.
CLASSES: dict[int, type[KinetikError]] = {
    code: _declare(kind, code, retry, meaning) for kind, code, retry, meaning in _kinetik.error_kinds()
}

_mixed: dict[tuple[Any, ...], type[KinetikError]] = {}


def _mix(*bases: type, name: str) -> type[KinetikError]:
    """The class that is all of `bases`; the same one each time."""
    key = (name, *bases)
    if key not in _mixed:
        _mixed[key] = type(name, bases, {"__doc__": bases[0].__doc__, "__module__": "kinetik"})
    return _mixed[key]


def service_class(aws_code: str) -> type[KinetikError]:
    """The class of one AWS error name, as in `client.exceptions.ResourceNotFoundException`."""
    return _mix(ClientError, name=aws_code)


@cache
def _botocore() -> tuple[type, ...]:
    """botocore's ClientError, if there is one. It is imported here: whoever does it later must find it in older errors."""
    try:
        from botocore.exceptions import ClientError as base  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        return ()
    return (base,)


def make(code: int, message: str, fields: dict[str, Any], style: str = "plain") -> KinetikError:
    """The error of a kind. `style` is "client" for one with boto3's attributes, else "plain"."""
    bases: list[type] = [CLASSES.get(code, KinetikError)]
    if style == "client":
        bases.insert(0, service_class(fields["aws_code"]))
        bases.extend(_botocore())
    elif "accepted" in fields:
        bases.insert(0, RecordError)
    kind = bases[0] if len(bases) == 1 else _mix(*bases, name=bases[0].__name__)
    error = kind.__new__(kind, message)
    error.args = (message,)
    error.__dict__.update(fields)
    return error


globals().update({cls.__name__: cls for cls in CLASSES.values()})
__all__ = ["ClientError", "KinetikError", "RecordError", *(cls.__name__ for cls in CLASSES.values())]
