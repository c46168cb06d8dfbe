"""boto3's client for Kinesis: its method names, arguments, answers and errors, over kinetik's transports."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Unpack

from . import _kinetik
from ._settings import Connection
from .errors import CLASSES, ClientError, KinetikError, service_class


def client(
    service_name: str = "kinesis",
    *,
    region_name: str | None = None,
    endpoint_url: Any = None,
    aws_access_key_id: str | None = None,
    aws_secret_access_key: str | None = None,
    aws_session_token: str | None = None,
    profile_name: str | None = None,
    timeout: float | None = None,
    request_timeout: float | None = None,
    max_attempts: int | None = None,
    **connection: Unpack[Connection],
) -> Client:
    """A client of Kinesis with boto3's methods: `client("kinesis").put_record(StreamName=..., ...)`.

    endpoint_url may be "memory://NAME", "http(s)://...", an Engine or a Server. Without it AWS's own settings hold
    (AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL, the profile, the region). Opens no connection before the first call.
    A call is tried max_attempts times (4), each for request_timeout (10 s), all together for timeout (60 s). The rest are
    the settings of the connection, those of producers and readers: proxy, ca_bundle, wire, connect_timeout, …
    """
    if service_name != "kinesis":
        raise CLASSES[1001]('service_name: expected "kinesis", the one service that kinetik speaks')
    settings: dict[str, Any] = {
        "region": region_name,
        "profile": profile_name,
        "access_key_id": aws_access_key_id,
        "secret_access_key": aws_secret_access_key,
        "session_token": aws_session_token,
        "timeout": timeout,
        "request_timeout": request_timeout,
        "max_attempts": max_attempts,
        **connection,
    }
    return Client(_kinetik.Client(endpoint_url, settings))


class Client:
    """The operations of Kinesis under boto3's names. Arguments are keywords in CamelCase; answers are dicts.

    An error that the service answered is a ClientError: `.response["Error"]["Code"]`, and the class of its kind.
    """

    def __init__(self, inner: _kinetik.Client) -> None:
        self._inner = inner
        self.exceptions = Exceptions()

    def __getattr__(self, name: str) -> Callable[..., dict[str, Any]]:
        operation = _OPERATIONS.get(name)
        if operation is None:
            raise AttributeError(f"Kinesis has no operation {name}")

        def method(**arguments: Any) -> dict[str, Any]:
            answer: dict[str, Any] = self._inner.call(operation, arguments)
            return answer

        method.__name__ = method.__qualname__ = name
        method.__doc__ = f"Calls {operation} with the members of its input, and answers with those of its output."
        self.__dict__[name] = method
        return method

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *_OPERATIONS]

    def close(self) -> None:
        """Does nothing: connections close with the process. It is here because boto3 has it."""


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


_OPERATIONS = {snake_case(operation): operation for operation in _kinetik.operations()}
_EXCEPTIONS = frozenset(_kinetik.exceptions())
