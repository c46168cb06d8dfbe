"""Recomputes with botocore the signature of a request that kinetik sent, and compares.

Reads one JSON object from standard input: access_key, secret_key, token or null, region, url, headers (as sent), body in
base64.
"""

import base64
import datetime
import json
import sys

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


def main():
    sent = json.load(sys.stdin)
    headers = {name.lower(): value for name, value in sent["headers"].items()}
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    date = datetime.datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")
    botocore.auth.get_current_datetime = lambda remove_tzinfo=True: date
    computed = {"host", "x-amz-date", "x-amz-security-token"}
    request = AWSRequest(
        "POST",
        sent["url"],
        data=base64.b64decode(sent["body"]),
        headers={name: headers[name] for name in signed if name not in computed},
    )
    credentials = Credentials(sent["access_key"], sent["secret_key"], sent["token"])
    botocore.auth.SigV4Auth(credentials, "kinesis", sent["region"]).add_auth(request)
    expected = request.headers["Authorization"]
    assert expected == headers["authorization"], (expected, headers["authorization"])


if __name__ == "__main__":
    main()
    print("botocore signature: equal")
