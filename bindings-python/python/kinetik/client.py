"""boto3's client for Kinesis: its method names, arguments, answers and errors, over kinetik's transports."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Unpack

from . import _kinetik
from ._boto import PAGES, WAITS, Options, Pages, Wait, find, settings
from .errors import CLASSES, ClientError, KinetikError, service_class

if TYPE_CHECKING:
    from ._kinetik import Engine, Server


def client(
    service_name: str = "kinesis",
    region_name: str | None = None,
    *,
    endpoint_url: str | Engine | Server | None = None,
    **options: Unpack[Options],
) -> Client:
    """A client of Kinesis with boto3's methods: `client("kinesis").put_record(StreamName=..., ...)`.

    endpoint_url may be "memory://NAME", "http(s)://...", an Engine or a Server. Without it AWS's own settings hold
    (AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, the profile, the region). Opens no connection before the first call.
    A call is tried max_attempts times (4), each for request_timeout (10 s), all together for timeout (60 s). Of boto3's
    other arguments aws_access_key_id, aws_secret_access_key, aws_session_token, verify (True or a file of roots) and config
    (botocore's Config, as far as kinetik has what it sets) are taken; what cannot be is refused by name. The rest are the
    settings of the connection, those of producers and readers: profile, proxy, ca_bundle, wire, connect_timeout, …
    """
    return Client(connect(service_name, region_name, endpoint_url, options))


def connect(
    service_name: str, region_name: str | None, endpoint_url: str | Engine | Server | None, options: Options
) -> _kinetik.Client:
    """The client behind both faces."""
    if service_name != "kinesis":
        raise CLASSES[1001]('service_name: expected "kinesis", the one service that kinetik speaks')
    return _kinetik.Client(endpoint_url, settings(region_name, endpoint_url, options))


class Face:
    """What the client for threads and the one for asyncio have in common."""

    #: The names that get_waiter takes.
    waiter_names = list(WAITS)

    def __init__(self, inner: _kinetik.Client) -> None:
        self._inner = inner
        self.exceptions = Exceptions()

    def _named(self, name: str, method: Callable[..., Any]) -> None:
        """Keeps the method of an operation under its name."""
        operation = operation_of(name)
        method.__name__ = method.__qualname__ = name
        method.__doc__ = f"Calls {operation} with the members of its input, and answers with those of its output."
        self.__dict__[name] = method

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_OPERATIONS]

    def can_paginate(self, operation_name: str) -> bool:
        """Whether get_paginator takes the method's name."""
        return operation_name in PAGES


class Client(Face):
    """The operations of Kinesis under boto3's names. Arguments are keywords in CamelCase; answers are dicts.

    An error that the service answered is a ClientError: `.response["Error"]["Code"]`, and the class of its kind.
    """

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = operation_of(name)

        def method(**arguments: Any) -> dict[str, Any]:
            answer: dict[str, Any] = self._inner.call(operation, arguments)
            return answer

        self._named(name, method)
        return method

    def get_paginator(self, operation_name: str) -> Paginator:
        """Pages of a method's answers: `for page in client.get_paginator("list_shards").paginate(StreamName="orders")`."""
        return Paginator(getattr(self, operation_name), find("operation_name", operation_name, PAGES))

    def get_waiter(self, waiter_name: str) -> Waiter:
        """Waits for a stream: `client.get_waiter("stream_exists").wait(StreamName="orders")`."""
        return Waiter(self.describe_stream, find("waiter_name", waiter_name, WAITS))

    def close(self) -> None:
        """Does nothing: connections close with the process. It is here because boto3 has it."""


class Paginator:
    """The pages of one method's answers."""

    def __init__(self, method: Callable[..., dict[str, Any]], pages: Pages) -> None:
        self._method = method
        self._pages = pages

    def paginate(
        self, *, PaginationConfig: dict[str, Any] | None = None, **arguments: Any
    ) -> Iterator[dict[str, Any]]:
        """One answer after the other, until there is no more. `PaginationConfig={"PageSize": n}` bounds each."""
        following: dict[str, Any] | None = self._pages.first(arguments, PaginationConfig)
        while following is not None:
            page = self._method(**following)
            yield page
            following = self._pages.following(following, page)


class Waiter:
    """Asks DescribeStream again and again until a stream is as it must."""

    def __init__(self, method: Callable[..., dict[str, Any]], wait: Wait) -> None:
        self._method = method
        self._wait = wait

    def wait(self, *, WaiterConfig: dict[str, Any] | None = None, **arguments: Any) -> None:
        """Waits; raises TimedOut after WaiterConfig's MaxAttempts (18), Delay (10) seconds apart."""
        for pause in self._wait.pauses(WaiterConfig):
            time.sleep(pause)
            try:
                if self._wait.is_over(self._method(**arguments)):
                    return
            except KinetikError as error:
                if self._wait.is_over_with(error):
                    return
                raise
        raise self._wait.timed_out()


class Exceptions:
    """The classes of service errors by AWS's names: `client.exceptions.ResourceNotFoundException`."""

    ClientError = ClientError

    def __getattr__(self, name: str) -> type[KinetikError]:
        if name in _EXCEPTIONS:
            return service_class(name)
        raise AttributeError(f"the service has no exception {name}")


def snake_case(operation: str) -> str:
    """boto3's name of an operation: PutRecord becomes put_record."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", operation).lower()


def operation_of(name: str) -> str:
    """The operation that has this name in boto3."""
    operation = _OPERATIONS.get(name)
    if operation is None:
        raise AttributeError(f"Kinesis has no operation {name}")
    return operation


_OPERATIONS = {snake_case(operation): operation for operation in _kinetik.operations()}
_EXCEPTIONS = frozenset(_kinetik.exceptions())
