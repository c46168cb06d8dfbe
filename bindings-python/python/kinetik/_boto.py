"""What boto3 knows about Kinesis beside its operations: arguments of a client, pages and waiters.

Names and numbers are those of botocore's data/kinesis/2013-12-02: paginators-1.json and waiters-2.json.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

from ._settings import Connection
from .errors import CLASSES, KinetikError, make

T = TypeVar("T")


class Options(Connection, total=False):
    """The arguments of a client besides service_name, region_name and endpoint_url."""

    aws_access_key_id: str | None
    aws_secret_access_key: str | None
    aws_session_token: str | None
    profile_name: str | None
    """The profile, as boto3.Session has it."""
    timeout: float | None
    """Seconds for a call with all its attempts. Default 60."""
    request_timeout: float | None
    """Seconds for one attempt. Default 10."""
    max_attempts: int | None
    """How often a call is tried. Default 4."""
    verify: bool | str | None
    """True, or a file of root certificates to trust."""
    use_ssl: bool | None
    """True; a server without TLS is named by endpoint_url."""
    api_version: str | None
    """2013-12-02, the only one."""
    config: Any
    """A botocore.config.Config."""


#: boto3's name of a setting -> kinetik's.
_RENAMED = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "profile_name": "profile",
}

#: What a Config may set -> kinetik's setting. None: kinetik needs no saying.
_CONFIG = {
    "region_name": "region",
    "connect_timeout": "connect_timeout",
    "read_timeout": "request_timeout",
    "use_fips_endpoint": "use_fips_endpoint",
    "use_dualstack_endpoint": "use_dualstack_endpoint",
    "account_id_endpoint_mode": "account_id_endpoint_mode",
    "max_pool_connections": None,
    "tcp_keepalive": None,
}


def settings(region_name: str | None, endpoint_url: object, options: Options) -> dict[str, Any]:
    """kinetik's settings of a client's arguments; what kinetik cannot do is refused by name."""
    given: dict[str, Any] = {"region": region_name}
    given.update((_RENAMED.get(name, name), value) for name, value in options.items())
    config, verify = given.pop("config", None), given.pop("verify", None)
    if given.pop("api_version", None) not in (None, "2013-12-02"):
        raise _refused("api_version", 'expected "2013-12-02", the only one that Kinesis has')
    if given.pop("use_ssl", None) is False and endpoint_url is None:
        raise _refused("use_ssl", "AWS is reached over TLS; name a server without it by endpoint_url='http://…'")
    if verify is False:
        text = "certificates are always checked; name the file of the roots to trust: verify='roots.pem', or ca_bundle"
        raise _refused("verify", text)
    if verify not in (None, True):
        given["ca_bundle"] = verify
    said = {name: value for name, value in given.items() if value is not None}
    return {**_of_config(config), **said}


def _of_config(config: Any) -> dict[str, Any]:
    """The settings of a botocore.config.Config: what was said when it was made."""
    if config is None:
        return {}
    options = getattr(config, "_user_provided_options", None)
    if not isinstance(options, Mapping):
        raise CLASSES[1002](f"config: expected a botocore.config.Config, got {type(config).__name__}")
    read: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if name == "retries":
            read["max_attempts"] = _attempts(value)
        elif name == "proxies":
            read["proxy"] = value.get("https", value.get("http"))
        elif name not in _CONFIG:
            known = ", ".join(["retries", "proxies", *_CONFIG])
            raise _refused("config", f"kinetik has nothing that {name} sets; expected some of {known}")
        elif (setting := _CONFIG[name]) is not None:
            read[setting] = value
    return read


def _attempts(retries: Mapping[str, Any]) -> int | None:
    """How often a call is tried; botocore's max_attempts does not count the first time. The mode is kinetik's own."""
    if "total_max_attempts" in retries:
        return int(retries["total_max_attempts"])
    return int(retries["max_attempts"]) + 1 if "max_attempts" in retries else None


def _names(argument: str, config: object) -> set[str]:
    """The names that a configuration of a paginator or waiter sets."""
    if not isinstance(config, Mapping | None):
        raise CLASSES[1002](f"{argument}: expected a dict, got {type(config).__name__}")
    return {str(name) for name in config or ()}


def _number(argument: str, value: object, *, is_whole: bool = False) -> float:
    if not isinstance(value, int if is_whole else int | float) or isinstance(value, bool):
        raise CLASSES[1002](f"{argument}: expected a {'whole ' if is_whole else ''}number, got {type(value).__name__}")
    # Not a comparison that is true of NaN, nor more than a clock holds.
    if not 0 <= value <= 1_000_000_000:
        raise _refused(argument, "expected 0 to 1000000000")
    return float(value)


def _refused(argument: str, text: str) -> KinetikError:
    return CLASSES[1001](f"{argument}: {text}")


def find(argument: str, name: str, table: Mapping[str, T]) -> T:
    """What a table has under a name."""
    if name not in table:
        raise _refused(argument, f"expected one of {', '.join(table)}")
    return table[name]


class Pages(NamedTuple):
    """How one operation is asked for the next page."""

    token: str
    limit: str
    #: The token in an answer; None at the end.
    next: Callable[[dict[str, Any]], str | None]
    #: The token says which stream, which must not be said beside it.
    is_alone: bool = False

    def first(self, arguments: dict[str, Any], config: dict[str, Any] | None) -> dict[str, Any]:
        """The arguments for the first page."""
        if unknown := _names("PaginationConfig", config) - {"PageSize"}:
            text = f"expected PageSize alone, got {', '.join(sorted(unknown))}; stop iterating when there is enough"
            raise _refused("PaginationConfig", text)
        return {**arguments, self.limit: config["PageSize"]} if config else dict(arguments)

    def following(self, last: dict[str, Any], page: dict[str, Any]) -> dict[str, Any] | None:
        """The arguments for the page behind one; None behind the last."""
        token = self.next(page)
        if token is None:
            return None
        kept = {name: value for name, value in last.items() if name == self.limit} if self.is_alone else last
        return {**kept, self.token: token}


def _last_shard(page: dict[str, Any]) -> str | None:
    described = page["StreamDescription"]
    return described["Shards"][-1]["ShardId"] if described["HasMoreShards"] else None


PAGES = {
    "describe_stream": Pages("ExclusiveStartShardId", "Limit", _last_shard),
    "list_shards": Pages("NextToken", "MaxResults", lambda page: page.get("NextToken"), is_alone=True),
    "list_stream_consumers": Pages("NextToken", "MaxResults", lambda page: page.get("NextToken")),
    "list_streams": Pages("NextToken", "Limit", lambda page: page.get("NextToken")),
}


class Wait(NamedTuple):
    """What a waiter waits for."""

    name: str
    #: The status that ends it.
    status: str | None = None
    #: The exception that ends it.
    exception: str | None = None

    def pauses(self, config: dict[str, Any] | None) -> Iterator[float]:
        """How long to wait before each attempt."""
        if unknown := _names("WaiterConfig", config) - {"Delay", "MaxAttempts"}:
            raise _refused("WaiterConfig", f"expected Delay and MaxAttempts, got {', '.join(sorted(unknown))}")
        config = config or {}
        delay = _number("WaiterConfig: Delay", config.get("Delay", 10))
        for attempt in range(int(_number("WaiterConfig: MaxAttempts", config.get("MaxAttempts", 18), is_whole=True))):
            yield delay if attempt else 0

    def is_over(self, answer: dict[str, Any]) -> bool:
        """Whether an answer is what it waits for."""
        status: str = answer["StreamDescription"]["StreamStatus"]
        return status == self.status

    def is_over_with(self, error: KinetikError) -> bool:
        """Whether an error is."""
        return error.aws_code is not None and error.aws_code == self.exception

    def timed_out(self) -> KinetikError:
        """What it raises when no attempt found it."""
        return make(2005, f"waiter {self.name}: the stream is not so after all attempts", {"operation": "DescribeStream"})


WAITS = {
    "stream_exists": Wait("stream_exists", status="ACTIVE"),
    "stream_not_exists": Wait("stream_not_exists", exception="ResourceNotFoundException"),
}
