"""Walks botocore's endpoint rules of Kinesis: one JSON object a line, a call with its settings and the URL that botocore
gives it, or the text of the error.

Every operation with every parameter that can change its host, in every region of every partition, with and without FIPS
and dual-stack, with every way of naming an account, and with ARNs that are wrong in each way that the rules know.
"""

import itertools
import json

import botocore.session
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import EndpointProviderError

session = botocore.session.get_session()
loader = session.get_component("data_loader")
partitions = loader.load_data("partitions")
provider = EndpointProvider(loader.load_service_model("kinesis", "endpoint-rule-set-1"), partitions)
model = session.get_service_model("kinesis")

REGIONS = sorted(region for partition in partitions["partitions"] for region in partition["regions"])
# Regions that no table knows: by their form they belong to a partition, or to the first.
REGIONS += ["us-gov-north-9", "cn-south-12", "us-isof-x-1", "eusc-de-west-2", "eusc-fr-east-1", "cn-nowhere", "xx-y-3", "local"]
FEW = ["us-east-1", "cn-north-1", "us-gov-east-1", "us-iso-east-1", "us-isob-east-1", "eusc-de-east-1"]
FLAGS = list(itertools.product([False, True], repeat=2))
ACCOUNTS = [
    ("preferred", None),
    ("preferred", "444455556666"),
    ("preferred", "4444.5555"),
    ("disabled", "444455556666"),
    ("required", "444455556666"),
    ("required", None),
]
PLAIN = [("preferred", None)]


def arns(region, kind):
    """ARNs for a parameter: good ones of this partition, others, and none at all."""
    partition = next(
        (p["id"] for p in partitions["partitions"] if region in p["regions"]), "aws"
    )
    account = f"arn:{partition}:kinesis:{region}:111122223333"
    good = {
        "StreamARN": f"{account}:stream/orders",
        "ConsumerARN": f"{account}:stream/orders/consumer/c:1",
        "ChannelARN": f"{account}:channel/abc-1",
        "QueueARN": f"{account}:queue/q-1",
    }
    yield from good.values() if kind == "ResourceARN" else [good[kind]]


def wrong(region, kind):
    yield from (value for other in ("StreamARN", "ChannelARN", "QueueARN") if other != kind for value in arns(region, other))
    yield from [
        "orders",
        "",
        "arn:aws:kinesis",
        "arn::kinesis:us-east-1:1:stream/x",
        "arn:aws:kinesis:us-east-1::stream/x",
        "arn:aws:kinesis:us-east-1:1.1:stream/x",
        "arn:aws:kinesis::1:stream/x",
        "arn:aws:kinesis:us_east:1:stream/x",
        "arn:aws:s3:us-east-1:1:stream/x",
        "arn:aws:kinesis:us-east-1:1:/x",
        "arn:aws:kinesis:us-east-1:1:table/x",
        "arn:aws:kinesis:us-east-1:1:channel",
        "arn:aws:kinesis:us-east-1:1:channel/a.b",
        "arn:aws:kinesis:us-east-1:1:queue",
        "arn:aws:kinesis:us-east-1:1:queue:-q",
        "arn:aws-cn:kinesis:cn-north-1:1:stream/x",
    ]


IDS = ["abcdefghij0123456789-xyz", "abcdefghij0123456789xxyz", "short", "abcdefghij0123456789-xyz-abc"]


def answer(operation, region, flags, account, given):
    fips, dual_stack = flags
    mode, account_id = account
    parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual_stack, "AccountIdEndpointMode": mode}
    if account_id is not None:
        parameters["AccountId"] = account_id
    for static in operation.static_context_parameters:
        parameters[static.name] = static.value
    parameters.update(given)
    case = {
        "operation": operation.name,
        "input": given,
        "region": region,
        "fips": fips,
        "dual_stack": dual_stack,
        "mode": mode,
        "account": account_id,
    }
    try:
        case["url"] = provider.resolve_endpoint(**parameters).url
    except EndpointProviderError as error:
        case["error"] = str(error)
    print(json.dumps(case))


seen = set()
for name in model.operation_names:
    operation = model.operation_model(name)
    statics = tuple((static.name, static.value) for static in operation.static_context_parameters)
    for account, flags, region in itertools.product(ACCOUNTS, FLAGS, REGIONS if statics not in seen else FEW):
        answer(operation, region, flags, account, {})
    for parameter in operation.context_parameters:
        # Each shape of an operation is walked through all regions once, and its likes through a few.
        is_new = (statics, parameter.name) not in seen
        seen.add((statics, parameter.name))
        for flags, region in itertools.product(FLAGS, REGIONS if is_new else FEW[:2]):
            values = IDS[:1] if parameter.name == "StreamId" else arns(region, parameter.name)
            for value, account in itertools.product(values, ACCOUNTS[:2] if is_new else PLAIN):
                answer(operation, region, flags, account, {parameter.name: value})
        for region in FEW if is_new else []:
            for value in IDS if parameter.name == "StreamId" else wrong(region, parameter.name):
                answer(operation, region, (False, False), PLAIN[0], {parameter.name: value})
    seen.add(statics)
