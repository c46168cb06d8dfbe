"""The settings of a connection, which producers, readers and clients have in common."""

from __future__ import annotations

from typing import Literal, TypedDict


class Connection(TypedDict, total=False):
    """How the service is reached. What is absent or None comes from AWS's own settings, as boto3 reads them."""

    region: str | None
    """The region; else AWS_REGION, AWS_DEFAULT_REGION, the profile's."""
    profile: str | None
    """The profile of the AWS configuration files; else AWS_PROFILE, else default."""
    access_key_id: str | None
    """Credentials given by hand; with secret_access_key, and session_token where they are temporary."""
    secret_access_key: str | None
    session_token: str | None
    wire: Literal["auto", "json", "cbor"] | None
    """The form of bodies. auto: CBOR to AWS and kinetik's servers, JSON to others."""
    proxy: str | None
    """http://[USER:PASSWORD@]HOST:PORT, or "none"; else HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY."""
    ca_bundle: str | None
    """A file of root certificates (PEM) to trust instead of the machine's; else AWS_CA_BUNDLE, the profile's."""
    use_fips_endpoint: bool | None
    """Only FIPS hosts; else AWS_USE_FIPS_ENDPOINT, the profile's."""
    use_dualstack_endpoint: bool | None
    """Hosts with IPv6 too; else AWS_USE_DUALSTACK_ENDPOINT, the profile's."""
    account_id_endpoint_mode: Literal["preferred", "disabled", "required"] | None
    """Whether calls go to the account's own host; else AWS_ACCOUNT_ID_ENDPOINT_MODE, the profile's."""
    connect_timeout: float | None
    """Seconds that look-up, TCP, proxy and TLS may take together. Default 3.1."""
