"""The errors of kinetik: one class for each kind of the core, all below KinetikError."""

from typing import Any

from ._kinetik import Failure, Ledger, Tally

__all__ = [
    "ClientError",
    "KinetikError",
    "RecordError",
    "InvalidArgumentError",
    "InvalidTypeError",
    "RecordTooLarge",
    "Closed",
    "BufferFull",
    "Forked",
    "InvalidHandle",
    "TimedOut",
    "FlushTimeout",
    "DeliveryError",
    "Expired",
    "OrderBroken",
    "Cancelled",
    "NotFound",
    "ResourceInUse",
    "LimitExceeded",
    "Throttled",
    "AccessDenied",
    "Unauthenticated",
    "ExpiredIterator",
    "ExpiredToken",
    "EncryptionError",
    "Unavailable",
    "DryRun",
    "Unsupported",
    "Refused",
    "ConnectionFailed",
    "ProtocolError",
    "CorruptAggregate",
    "InternalError",
]

class KinetikError(Exception):
    code: int
    retry: str
    retry_after: float | None
    operation: str | None
    stream: str | None
    shard_id: str | None
    attempts: int
    aws_code: str | None
    request_id: str | None
    http_status: int | None
    failure: Failure | None

class RecordError(KinetikError):
    index: int
    accepted: int

class ClientError(KinetikError):
    response: dict[str, Any]
    operation_name: str
    @property
    def MSG_TEMPLATE(self) -> str: ...

class InvalidArgumentError(KinetikError, ValueError): ...
class InvalidTypeError(KinetikError, TypeError): ...
class RecordTooLarge(KinetikError, ValueError): ...
class Closed(KinetikError): ...
class BufferFull(KinetikError): ...
class Forked(KinetikError): ...
class InvalidHandle(KinetikError): ...
class TimedOut(KinetikError, TimeoutError): ...
# What flush and close raise carries what is left.
class FlushTimeout(KinetikError, TimeoutError):
    ledger: Ledger
    # Of the ledger: what is neither delivered nor failed.
    pending: Tally
    # The records that failed and that nobody took, given back.
    failures: list[Failure]
    # After close: the records that are pending for good, given back. Empty after flush, which may still deliver them.
    leftover: list[Failure]

class DeliveryError(KinetikError):
    ledger: Ledger
    pending: Tally
    failures: list[Failure]
    leftover: list[Failure]

class Expired(KinetikError, TimeoutError): ...
class OrderBroken(KinetikError): ...
class Cancelled(KinetikError): ...
class NotFound(KinetikError, LookupError): ...
class ResourceInUse(KinetikError): ...
class LimitExceeded(KinetikError): ...
class Throttled(KinetikError): ...
class AccessDenied(KinetikError, PermissionError): ...
class Unauthenticated(KinetikError): ...
class ExpiredIterator(KinetikError): ...
class ExpiredToken(KinetikError): ...
class EncryptionError(KinetikError): ...
class Unavailable(KinetikError): ...
class DryRun(KinetikError): ...
class Unsupported(KinetikError): ...
class Refused(KinetikError): ...
class ConnectionFailed(KinetikError, ConnectionError): ...
class ProtocolError(KinetikError): ...
class CorruptAggregate(KinetikError): ...
# The four are those of flush and close; elsewhere there is nothing in them.
class InternalError(KinetikError):
    ledger: Ledger | None
    pending: Tally | None
    failures: list[Failure]
    leftover: list[Failure]

CLASSES: dict[int, type[KinetikError]]

def service_class(aws_code: str) -> type[KinetikError]: ...
def make(code: int, message: str, fields: dict[str, Any], style: str = "plain") -> KinetikError: ...
