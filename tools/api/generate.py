#!/usr/bin/env python3
"""Writes core/src/api/model/*.rs from the kinesis/2013-12-02 service model.

    generate.py MODEL OUT

MODEL is botocore's service-2.json (plain or .gz), or a folder below which botocore is installed; OUT is the
folder to write to. The result is formatted with rustfmt and committed; a test of core generates it again and
compares. Names, types and constraints are the model's; every sentence is ours.
"""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

SERVICE = "kinesis/2013-12-02/service-2.json"
ROOT = Path(__file__).resolve().parents[2]

# Of every regular expression in the model: the hand-written matcher (core/src/api/pattern.rs), a text that matches
# and one that does not. A new expression stops the generator: write its matcher first.
PATTERNS = {
    r"[a-zA-Z0-9_.-]+": ("name", "orders_1.a-b", "or ders"),
    r"[a-z0-9]{20}-[a-z0-9]{3}": ("stream_id", "abcdefghij0123456789-x1z", "abcdefghij0123456789_x1z"),
    r"^(0|([1-9]\d{0,38}))$": ("hash_key", "340282366920938463463374607431768211455", "01"),
    r"^(0|([1-9]\d{0,128}))$": ("sequence_number", "4" * 56, "-1"),
    r"^[a-z0-9]+$": (None, "r1", "R1"),
    r"\d{12}": ("account", "123456789012", "12345678901x"),
    r"[0-9a-z_]+": ("table_name", "table_1", "Table"),
    r"[a-zA-Z0-9\.\_]+": ("field_name", "event.time_1", "event-time"),
    r"[^:*]*": ("log_stream", "a stream", "a:b"),
    r"[\.\-_/#A-Za-z0-9]+": ("log_group", "/aws/kinesis#1", "log group"),
    r"[0-9A-Za-z!\-_'.*()\/]+": ("object_prefix", "errors/(a)!", "errors=1"),
    r"[0-9A-Za-z!\-_'.*()\/=:{}]+": ("object_template", "y={year}/{hour}:x", "a b"),
    r"arn:aws.*:kinesis:.*:\d{12}:stream/\S+": (
        "stream_arn", "arn:aws:kinesis:us-east-1:123456789012:stream/orders", "arn:aws:kinesis:us-east-1:123456789012:queue/orders"),
    r"arn:aws.*:kinesis:.*:\d{12}:queue/\S+": (
        "queue_arn", "arn:aws:kinesis:us-east-1:123456789012:queue/q1", "arn:aws:kinesis:us-east-1:12345678901:queue/q1"),
    r"arn:aws.*:kinesis:.*:\d{12}:channel/\S+": (
        "channel_arn", "arn:aws:kinesis:us-east-1:123456789012:channel/c1", "arn:aws:kinesis:us-east-1:123456789012:channel/"),
    r"arn:aws.*:kinesis:.*:\d{12}:.*(stream|channel|queue)/\S+": (
        "resource_arn", "arn:aws-cn:kinesis:cn-north-1:123456789012:stream/orders/consumer/c:1", "arn:aws:sqs:us-east-1:123456789012:queue/a"),
    r"^(arn):aws.*:kinesis:.*:\d{12}:.*stream\/[a-zA-Z0-9_.-]+\/consumer\/[a-zA-Z0-9_.-]+:[0-9]+": (
        "consumer_arn", "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c:1700000000", "arn:aws:kinesis:us-east-1:123456789012:stream/orders/consumer/c"),
    r"arn:aws[-a-z0-9]*:iam::\d{12}:role/[a-zA-Z_0-9+=,.@\-_/]+": (
        "role_arn", "arn:aws:iam::123456789012:role/service/a@b", "arn:aws:iam::123456789012:user/a"),
    r"arn:aws[-a-z0-9]*:s3:::[a-z0-9._-]{3,63}": ("bucket_arn", "arn:aws:s3:::my.bucket", "arn:aws:s3:::My"),
    r"arn:aws[-a-z0-9]*:s3tables:[-a-z0-9]+:\d{12}:bucket/[a-z0-9_-]{3,63}": (
        "table_bucket_arn", "arn:aws:s3tables:us-east-1:123456789012:bucket/tables", "arn:aws:s3tables::123456789012:bucket/tables"),
    r"arn:aws[-a-z0-9]*:glue:[-a-z0-9]+:\d{12}:schema/[-a-zA-Z0-9_$#.]+/[-a-zA-Z0-9_$#.]+": (
        "schema_arn", "arn:aws:glue:us-east-1:123456789012:schema/registry/my$schema", "arn:aws:glue:us-east-1:123456789012:schema/registry"),
}

# The order in which the service prints a value set, where it is known and not the model's
# (reference/kinesis-api.md 5.2).
PRINTED_VALUES = {
    "ShardIteratorType": [
        "AFTER_SEQUENCE_NUMBER",
        "LATEST",
        "AT_TIMESTAMP",
        "AT_SEQUENCE_NUMBER",
        "TRIM_HORIZON",
    ],
}

# Bounds that the service keeps and the model does not tell (reference/kinesis-api.md 1.6).
UNTOLD_BOUNDS = {"PositiveIntegerObject": {"max": 100_000}}

# Required by the model, absent in practice: at the end of a shard (reference/kinesis-api.md 1.11).
OPTIONAL_ANYWAY = {("SubscribeToShardEvent", "ContinuationSequenceNumber")}

# Never printed, neither in a Debug form nor in the text of a violation.
SECRET = {"PartitionKey", "Data"}

# What a member means, where its name and constraints do not say it all.
MEANING = {
    "AdjacentParentShardId": "The other parent, if the shard came out of a merge.",
    "ApproximateArrivalTimestamp": "When the service took the record; milliseconds, not monotone.",
    "ChildShards": "The shards that follow; only at the end of a closed shard.",
    "ConsumerARN": "The consumer, by ARN with its creation second.",
    "ConsumerName": "The consumer, by name.",
    "ContinuationSequenceNumber": "Where to go on after this event; absent at the end of the shard.",
    "Data": "The payload.",
    "DryRun": "Check everything, change nothing.",
    "EncryptionType": "How records are encrypted at rest; `NONE` or `KMS`.",
    "EndingHashKey": "Last hash key of the range, inclusive.",
    "EndingSequenceNumber": "Set when the shard is closed.",
    "EnforceConsumerDeletion": "Delete the stream together with its consumers.",
    "ErrorCode": "AWS's name of what went wrong with this entry alone.",
    "ErrorMessage": "What went wrong with this entry alone.",
    "ExclusiveStartShardId": "Start after this shard.",
    "ExclusiveStartStreamName": "Start after this stream.",
    "ExclusiveStartTagKey": "Start after this key, which need not exist.",
    "ExplicitHashKey": "Decimal hash key that replaces the MD5 of the partition key.",
    "FailedRecordCount": "How many entries failed.",
    "HasMoreShards": "Whether another page follows.",
    "HasMoreStreams": "Whether another page follows.",
    "HasMoreTags": "Whether another page follows.",
    "KeyId": "KMS key by id, ARN or alias.",
    "Limit": "At most so many in one answer.",
    "MaxRecordSizeInKiB": "Largest record that the stream takes, in KiB.",
    "MaxResults": "At most so many in one answer.",
    "MillisBehindLatest": "How far behind the tip of the shard this answer is, in milliseconds.",
    "NewStartingHashKey": "First hash key of the upper child.",
    "NextShardIterator": "Where to read on; absent at the end of a closed shard.",
    "NextToken": "Page token; lives five minutes.",
    "OpenShardCount": "Shards that take records.",
    "ParentShardId": "The shard that this one came out of.",
    "PartitionKey": "Its MD5 picks the shard.",
    "RecordDistributionStrategy": "Whether keys (`USER_PARTITION_KEY`) or the service (`AUTO`) place records.",
    "ResourceARN": "The stream, consumer, channel or queue, by ARN.",
    "RetentionPeriodHours": "How long records are kept, in hours.",
    "SequenceNumber": "Place of the record in its shard.",
    "SequenceNumberForOrdering": "The new record comes after this one.",
    "ShardFilter": "Which shards to list.",
    "ShardIterator": "Where to read; lives five minutes.",
    "StartingHashKey": "First hash key of the range, inclusive.",
    "StartingSequenceNumber": "Where to start, by sequence number.",
    "StreamARN": "The stream, by ARN.",
    "StreamCreationTimestamp": "When the stream was made; tells namesakes apart.",
    "StreamId": "Reserved by the service; accepted and unused.",
    "StreamName": "The stream, by name.",
    "Timestamp": "Where to start, by time.",
    "VisibilityTimeoutSeconds": "How long a received record stays hidden, in seconds.",
    "WaitTimeSeconds": "How long to wait for the first record, in seconds.",
    "WarmThroughputMiBps": "Write throughput to keep ready, in MiB/s.",
}


def load(source):
    """The model, from a file or from wherever botocore lies below a folder."""
    path = Path(source)
    if path.is_dir():
        found = sorted(path.glob(f"**/botocore/data/{SERVICE}*"))
        if not found:
            sys.exit(f"no botocore/data/{SERVICE} below {path}")
        path = found[-1]
    raw = path.read_bytes()
    return json.loads(gzip.decompress(raw) if path.suffix == ".gz" else raw)


def snake(name):
    """PutRecords -> put_records, StreamARN -> stream_arn, MaxRecordSizeInKiB -> max_record_size_in_kib."""
    name = name.replace("KiB", "Kib").replace("MiBps", "Mibps")
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    return name.lower()


def field(name):
    """The Rust field of a member."""
    return "r#type" if name == "Type" else snake(name)


def pascal(value):
    """ON_DEMAND -> OnDemand; names that are in camel case stay."""
    if not value.isupper():
        return value
    return "".join(part.capitalize() for part in value.split("_"))


def lower_camel(name):
    """The member as violations name it: streamName, streamARN."""
    return name[0].lower() + name[1:]


class Model:
    def __init__(self, model):
        self.shapes = model["shapes"]
        for name, bounds in UNTOLD_BOUNDS.items():
            self.shapes[name] |= bounds
        self.operations = dict(sorted(model["operations"].items()))
        self.inputs, self.outputs = set(), set()
        for operation in self.operations.values():
            self.reach(operation["input"]["shape"], self.inputs)
            if "output" in operation:
                self.reach(operation["output"]["shape"], self.outputs)

    def reach(self, name, into):
        """Adds a shape and all below it; exceptions and event streams are not shapes of ours."""
        shape = self.shapes[name]
        if name in into or shape.get("exception"):
            return
        if not (shape.get("eventstream") or self.streams(name)):
            into.add(name)
        for member in shape.get("members", {}).values():
            self.reach(member["shape"], into)
        for part in ("member", "key", "value"):
            if part in shape:
                self.reach(shape[part]["shape"], into)

    def streams(self, name):
        members = self.shapes[name].get("members", {}).values()
        return any(self.shapes[member["shape"]].get("eventstream") for member in members)

    def structures(self, names):
        return [name for name in sorted(names) if self.shapes[name]["type"] == "structure"]

    def used(self):
        return sorted(self.inputs | self.outputs)

    def rust(self, name):
        """The Rust type of a shape."""
        shape = self.shapes[name]
        match shape["type"]:
            case "structure":
                return name
            case "list":
                return f"Vec<{self.rust(shape['member']['shape'])}>"
            case "map":
                key, value = shape["key"]["shape"], shape["value"]["shape"]
                return f"BTreeMap<{self.rust(key)}, {self.rust(value)}>"
            case kind:
                return {
                    "string": "ByteString",
                    "blob": "Bytes",
                    "timestamp": "Timestamp",
                    "integer": "i32",
                    "long": "i64",
                    "boolean": "bool",
                }[kind]

    def plain(self, structure, member):
        """Whether a member is held as it is, not in an Option."""
        if structure in self.inputs or (structure, member) in OPTIONAL_ANYWAY:
            return False
        return member in self.shapes[structure].get("required", [])

    def facts(self, name):
        """Type and constraint of a shape, in words."""
        shape = self.shapes[name]
        kind, low, high = shape["type"], shape.get("min"), shape.get("max")
        if "enum" in shape:
            return "One of " + ", ".join(f"`{value}`" for value in shape["enum"]) + "."
        unit = {"string": "characters", "blob": "bytes", "list": "entries", "map": "entries"}.get(kind)
        bounds = {
            (True, True): f"{low} to {high}",
            (True, False): f"at least {low}",
            (False, True): f"at most {high}",
        }.get((low is not None, high is not None))
        words = []
        if bounds:
            words.append(f"{bounds} {unit}" if unit else bounds)
        if "pattern" in shape:
            words.append(f"`{shape['pattern']}`")
        text = ", ".join(words)
        return f"{text[0].upper()}{text[1:]}." if text else ""

    def roles(self, structure):
        """What a structure is, in one line."""
        for name, operation in self.operations.items():
            if operation["input"]["shape"] == structure:
                return f"What [`Operation::{name}`] is asked with."
        names = [n for n, o in self.operations.items() if o.get("output", {}).get("shape") == structure]
        if names:
            return "What " + " and ".join(f"[`Operation::{n}`]" for n in names) + " answers."
        if self.shapes[structure].get("event"):
            return "One event of a [`Subscription`](crate::api::Subscription)."
        holders = sorted(
            holder
            for holder in self.structures(self.inputs | self.outputs)
            if any(self.core(m["shape"]) == structure for m in self.shapes[holder].get("members", {}).values())
        )
        return "Part of " + ", ".join(f"[`{holder}`]" for holder in holders) + "."

    def core(self, name):
        """The shape inside lists."""
        while self.shapes[name]["type"] == "list":
            name = self.shapes[name]["member"]["shape"]
        return name


HEADER = "// @generated by tools/api/generate.py from the kinesis/2013-12-02 service model. Do not edit.\n\n"


def module_file():
    return HEADER + (
        "//! The tables of the service model: operations, shapes and constraints.\n\n"
        "mod call;\nmod enums;\nmod input;\nmod operation;\nmod output;\npub(crate) mod rules;\n\n"
        "pub use call::{Answer, Call};\npub use enums::*;\npub use input::*;\n"
        "pub use operation::{Operation, SUBSCRIPTION_EXCEPTIONS};\npub use output::*;\n"
    )


def operation_file(model):
    out = [HEADER, "//! Every operation of the service.\n\nuse crate::api::Plane;\n\n"]
    out.append("/// An operation of the service.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n")
    out.append("pub enum Operation {\n")
    for name, operation in model.operations.items():
        plane = operation["staticContextParams"]["OperationType"]["value"]
        out.append(f"/// `{name}`, {plane} plane.\n{name},\n")
    out.append("}\n\nimpl Operation {\n")
    out.append(f"/// Every operation, in the order of their names.\npub const ALL: [Self; {len(model.operations)}] = [")
    out.append("".join(f"Self::{name}," for name in model.operations) + "];\n\n")
    out.append("/// The operation's name, for example `PutRecords`.\npub const fn name(self) -> &'static str { match self {")
    out.append("".join(f'Self::{name} => "{name}",' for name in model.operations) + "} }\n\n")
    out.append("/// The value of the `x-amz-target` header.\npub const fn target(self) -> &'static str { match self {")
    out.append("".join(f'Self::{name} => "Kinesis_20131202.{name}",' for name in model.operations) + "} }\n\n")

    def where(test):
        return "|".join(f"Self::{n}" for n, o in model.operations.items() if test(o))

    out.append("/// The operation of this name.\npub fn from_name(name: &str) -> Option<Self> { let at = Self::ALL.binary_search_by(|operation| operation.name().cmp(name)).ok()?; Some(Self::ALL[at]) }\n\n")
    out.append("/// The operation of this `x-amz-target` header.\npub fn from_target(target: &str) -> Option<Self> { Self::from_name(target.strip_prefix(\"Kinesis_20131202.\")?) }\n\n")
    out.append("/// The plane, which picks the service's host.\npub const fn plane(self) -> Plane { match self {")
    out.append(where(lambda o: o["staticContextParams"]["OperationType"]["value"] == "data"))
    out.append(" => Plane::Data, _ => Plane::Control } }\n\n")
    out.append("/// Whether it belongs to queues, which have a host of their own.\npub const fn is_queue(self) -> bool { matches!(self, ")
    out.append(where(lambda o: o["staticContextParams"].get("ResourceType", {}).get("value") == "queue"))
    out.append(") }\n\n")
    out.append("/// Whether a success has an empty body.\npub const fn has_empty_output(self) -> bool { matches!(self, ")
    out.append(where(lambda o: "output" not in o))
    out.append(") }\n\n")
    out.append("/// The name of the input's shape.\npub const fn input(self) -> &'static str { match self {")
    out.append("".join(f'Self::{n} => "{o["input"]["shape"]}",' for n, o in model.operations.items()) + "} }\n\n")
    out.append("/// The name of the output's shape; `None` where the body is empty.\npub const fn output(self) -> Option<&'static str> { match self {")
    out.append("".join(f'Self::{n} => Some("{o["output"]["shape"]}"),' for n, o in model.operations.items() if "output" in o))
    out.append("_ => None } }\n\n")
    out.append(
        "/// The exceptions that the model lists for it. `ValidationException` and the exceptions of the gate\n"
        "/// (signatures, bodies) may come from every operation.\n"
        "pub const fn errors(self) -> &'static [&'static str] { match self {"
    )
    for name, operation in model.operations.items():
        errors = ",".join(f'"{error["shape"]}"' for error in operation["errors"])
        out.append(f"Self::{name} => &[{errors}],")
    out.append("} }\n}\n\n")
    stream = next(s for s in model.shapes.values() if s.get("eventstream"))
    errors = ",".join(f'"{n}"' for n, m in stream["members"].items() if model.shapes[m["shape"]].get("exception"))
    out.append("/// The exceptions that may come inside a subscription, after it has begun.\n")
    out.append(f"pub const SUBSCRIPTION_EXCEPTIONS: &[&str] = &[{errors}];\n")
    return "".join(out)


def call_file(model):
    names = model.operations

    def output(name):
        shape = names[name].get("output", {}).get("shape")
        return "Subscription" if shape and model.streams(shape) else shape

    out = [HEADER, "//! One enum of all requests and one of all answers.\n\n"]
    out.append("use super::*;\nuse crate::api::{Path, Request, Shape, Subscription, TypeMismatch, Value, Violations};\nuse crate::api::Form;\n\n")
    expect = '#[expect(clippy::large_enum_variant, reason = "moved a few times a request; a box would cost the hot operations an allocation")]\n'
    out.append("/// A request: one variant for each operation, holding its input.\n#[derive(Clone, Debug, PartialEq, Eq)]\n" + expect)
    out.append("pub enum Call {\n")
    out += [f"/// Asks for [`Operation::{n}`].\n{n}({o['input']['shape']}),\n" for n, o in names.items()]
    out.append("}\n\n/// A success: one variant for each operation, holding its output where the body is not empty.\n#[derive(Debug)]\n")
    out.append("pub enum Answer {\n")
    for name in names:
        inner = f"({output(name)})" if output(name) else ""
        out.append(f"/// Answers [`Operation::{name}`].\n{name}{inner},\n")
    out.append("}\n\nimpl Call {\n/// The operation that is asked for.\npub const fn operation(&self) -> Operation { match self {")
    out.append("".join(f"Self::{n}(_) => Operation::{n}," for n in names) + "} }\n\n")
    out.append("/// Reads an operation's input from a value.\n///\n/// # Errors\n/// A member of the wrong type.\npub fn from_value(operation: Operation, value: Value, form: Form) -> Result<Self, TypeMismatch> { Ok(match operation {")
    out.append("".join(f"Operation::{n} => Self::{n}(Shape::from_value(value, form)?)," for n in names) + "}) }\n\n")
    out.append("/// The input as a value.\npub fn to_value(&self) -> Value { match self {")
    out.append("".join(f"Self::{n}(input) => input.to_value()," for n in names) + "} }\n\n")
    out.append("/// Collects what the input breaks of the model's constraints; see [`Call::check`](Self::check).\npub fn validate(&self, found: &mut Violations) { let at = &Path::ROOT; match self {")
    out.append("".join(f"Self::{n}(input) => input.validate(at, found)," for n in names) + "} }\n}\n\n")
    out.append("impl Answer {\n/// The operation that is answered.\npub const fn operation(&self) -> Operation { match self {")
    out.append("".join(f"Self::{n}{'(_)' if output(n) else ''} => Operation::{n}," for n in names) + "} }\n\n")
    out.append(
        "/// Reads an operation's output from a value; `None` for a subscription, which is not one value.\n"
        "///\n/// # Errors\n/// A member of the wrong type, or a required one that is absent.\n"
        "pub fn from_value(operation: Operation, value: Value, form: Form) -> Result<Option<Self>, TypeMismatch> { Ok(Some(match operation {"
    )
    for name in names:
        if not output(name):
            out.append(f"Operation::{name} => Self::{name},")
        elif output(name) == "Subscription":
            out.append(f"Operation::{name} => return Ok(None),")
        else:
            out.append(f"Operation::{name} => Self::{name}(Shape::from_value(value, form)?),")
    out.append("})) }\n\n/// The output as a value; `None` where the body is empty or a stream of events.\npub fn to_value(&self) -> Option<Value> { match self {")
    out.append("".join(f"Self::{n}(output) => Some(output.to_value())," for n in names if output(n) not in (None, "Subscription")))
    out.append("_ => None } }\n}\n\n")
    for name, operation in names.items():
        shape = operation["input"]["shape"]
        kind = output(name) or "()"
        pattern = f"Answer::{name}(output) => Some(output)" if output(name) else f"Answer::{name} => Some(())"
        out.append(
            f"impl Request for {shape} {{ const OPERATION: Operation = Operation::{name}; type Output = {kind};\n"
            f"fn output(answer: Answer) -> Option<{kind}> {{ match answer {{ {pattern}, _ => None }} }} }}\n\n"
            f"impl From<{shape}> for Call {{ fn from(input: {shape}) -> Self {{ Self::{name}(input) }} }}\n\n"
        )
        if output(name):
            out.append(f"impl From<{kind}> for Answer {{ fn from(output: {kind}) -> Self {{ Self::{name}(output) }} }}\n\n" if list(map(output, names)).count(kind) == 1 else "")
    return "".join(out)


def enums_file(model):
    out = [HEADER, "//! The value sets. Members hold strings, so that values unknown here survive; these are the known ones.\n\nuse bytestring::ByteString;\n\n"]
    for name in model.used():
        shape = model.shapes[name]
        if "enum" not in shape:
            continue
        values = shape["enum"]
        out.append(f"/// The known values of `{name}`.\n#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\npub enum {name} {{\n")
        out += [f"/// `{value}`\n{pascal(value)},\n" for value in values]
        out.append(f"}}\n\nimpl {name} {{\n/// Every known value.\npub const ALL: [Self; {len(values)}] = [")
        out.append("".join(f"Self::{pascal(value)}," for value in values) + "];\n\n")
        out.append("/// The value as it is written on the wire.\npub const fn name(self) -> &'static str { match self {")
        out.append("".join(f'Self::{pascal(value)} => "{value}",' for value in values) + "} }\n\n")
        out.append("/// The value that is written so; `None` if it is unknown.\npub fn parse(name: &str) -> Option<Self> { match name {")
        out.append("".join(f'"{value}" => Some(Self::{pascal(value)}),' for value in values) + "_ => None } }\n}\n\n")
        out.append(f"impl From<{name}> for ByteString {{ fn from(value: {name}) -> Self {{ Self::from_static(value.name()) }} }}\n\n")
    return "".join(out)


def rules_file(model):
    out = [HEADER, "//! The constraints of scalars, one rule for each constrained shape of an input.\n\n"]
    out.append("use crate::api::pattern;\nuse crate::api::validate::{Length, Pattern, StringRule};\n\n")
    for name in sorted(model.inputs):
        shape = model.shapes[name]
        if shape["type"] != "string" or not {"min", "max", "pattern", "enum"} & shape.keys():
            continue
        pattern = "None"
        if "pattern" in shape:
            if shape["pattern"] not in PATTERNS:
                sys.exit(f"{name}: no matcher for {shape['pattern']}; write one in core/src/api/pattern.rs")
            pattern = f'Some(Pattern {{ text: r"{printed(shape)}", matches: pattern::{PATTERNS[shape["pattern"]][0]} }})'
        values = ",".join(f'"{v}"' for v in PRINTED_VALUES.get(name, shape.get("enum", [])))
        out.append(f"pub(crate) const {snake(name).upper()}: StringRule = StringRule {{ length: {length(shape)}, pattern: {pattern}, values: &[{values}], shown: {str(name not in SECRET).lower()} }};\n")
    seen = {model.shapes[name].get("pattern"): name for name in sorted(model.inputs, reverse=True)}
    names = sorted(snake(name).upper() for pattern, name in seen.items() if pattern)
    out.append("\n/// One rule of each pattern.\n#[cfg(test)]\npub(crate) const PATTERNS: &[StringRule] = &[" + ",".join(names) + "];\n")
    return "".join(out)


def printed(shape):
    """The pattern as violations print it, without the anchors that the newest model has (5.2)."""
    return shape["pattern"].removeprefix("^").removesuffix("$")


def length(shape):
    """The rule of a length or a value range."""
    low = f"Some({shape['min']})" if "min" in shape else "None"
    high = f"Some({shape['max']})" if "max" in shape else "None"
    return f"Length {{ min: {low}, max: {high} }}"


def shapes_file(model, names, title, checked):
    out = [HEADER, f"//! {title}\n\n"]
    body = "".join(structure(model, name, checked) for name in names)
    uses = [word for word in ("BTreeMap", "fmt") if re.search(rf"\b{word}\b", body)]
    out += [f"use std::{'collections::BTreeMap' if word == 'BTreeMap' else 'fmt'};\n" for word in uses]
    out.append("\nuse bytes::Bytes;\nuse bytestring::ByteString;\n\nuse super::*;\n")
    out.append("use crate::api::{Form, Members, Shape, TypeMismatch, Value};\n" + ("use crate::api::{Path, Violations};\nuse crate::api::validate::Length;\n" if checked else ""))
    if "Hidden" in body:
        out.append("use crate::api::value::Hidden;\n")
    out.append("use crate::time::Timestamp;\n\n")
    out.append(body)
    return "".join(out)


def structure(model, name, checked):
    shape = model.shapes[name]
    members = shape.get("members", {})
    secret = any(member["shape"] in SECRET for member in members.values())
    derive = "Clone, Default, PartialEq, Eq" if secret else "Clone, Debug, Default, PartialEq, Eq"
    out = [f"/// {model.roles(name)}\n#[derive({derive})]\npub struct {name} {{\n"]
    for member, target in members.items():
        required = member in shape.get("required", []) and (name, member) not in OPTIONAL_ANYWAY
        words = [MEANING.get(member, ""), model.facts(target["shape"]), "Required." if required else ""]
        if member == "EncryptionType" and "enum" in model.shapes[target["shape"]]:
            words[1] = ""
        if not words[0] and not words[1]:
            words[1] = f"`{target['shape']}`."
        doc = " ".join(word for word in words if word)
        kind = model.rust(target["shape"])
        out.append(f"/// {doc}\npub {field(member)}: {kind if model.plain(name, member) else f'Option<{kind}>'},\n")
    out.append("}\n\n")
    if secret:
        out.append(debug(model, name, members))
    out.append(f"impl Shape for {name} {{\n")
    out.append(reader(model, name, members))
    out.append(writer(members))
    if checked:
        out.append(checker(model, shape, members))
    out.append("}\n\n")
    return "".join(out)


def debug(model, name, members):
    lines = []
    for member, target in members.items():
        path = f"self.{field(member)}"
        if target["shape"] in SECRET:
            path = f"Hidden::{'of' if model.plain(name, member) else 'maybe'}(&{path})"
            lines.append(f'.field("{snake(member)}", &{path})')
        else:
            lines.append(f'.field("{snake(member)}", &{path})')
    return (
        f"impl fmt::Debug for {name} {{ fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {{"
        f'f.debug_struct("{name}"){"".join(lines)}.finish() }} }}\n\n'
    )


def reader(model, name, members):
    head = "fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {\n"
    if not members:
        return head + "let _ = form; value.into_members()?; Ok(Self {}) }\n\n"
    strict = [
        f'"{member}"'
        for member, target in members.items()
        if model.plain(name, member) and model.shapes[target["shape"]]["type"] in ("string", "structure")
    ]
    out = [head, "let members = value.into_members()?;\n"]
    if strict:
        out.append(f"members.require(&[{','.join(strict)}])?;\n")
    out.append("let mut shape = Self::default();\nfor (name, value) in members.present() {\n")
    reads = [(member, f"shape.{field(member)}.read(value, form)") for member in members]
    if len(reads) == 1:
        out += [f'if &*name == "{member}" {{ {read}?; }}\n' for member, read in reads]
    else:
        out += ["match &*name {\n", *(f'"{member}" => {read},\n' for member, read in reads), "_ => Ok(()) }?;\n"]
    out.append("}\nOk(shape) }\n\n")
    return "".join(out)


def writer(members):
    if not members:
        return "fn to_value(&self) -> Value { Members::with_capacity(0).into() }\n"
    out = [f"fn to_value(&self) -> Value {{ let mut members = Members::with_capacity({len(members)});\n"]
    out += [f'members.put("{member}", &self.{field(member)});\n' for member in members]
    out.append("members.into() }\n")
    return "".join(out)


def checker(model, shape, members):
    lines = []
    for member, target in members.items():
        required = str(member in shape.get("required", [])).lower()
        path, slot = lower_camel(member), f"self.{field(member)}.as_ref()"
        rule = check(model, target["shape"])
        if rule:
            lines.append(f'found.{rule[0]}(at, "{path}", {slot}, {required}{rule[1]});\n')
        elif required == "true":
            lines.append(f'found.required(at, "{path}", {slot}.is_some());\n')
    if not lines:
        return ""
    return "\nfn validate(&self, at: &Path<'_>, found: &mut Violations) {\n" + "".join(lines) + "}\n"


def check(model, name):
    """The method of Violations that checks a shape, and its further arguments; None if nothing is to check."""
    shape = model.shapes[name]
    bounded = "min" in shape or "max" in shape
    match shape["type"]:
        case "string" if bounded or "pattern" in shape or "enum" in shape:
            return "string", f", &rules::{snake(name).upper()}"
        case "blob" if bounded:
            return "blob", f", {length(shape)}"
        case "integer" | "long" if bounded:
            return "number", f", {length(shape)}"
        case "structure":
            return "structure", ""
        case "list":
            inner = check(model, shape["member"]["shape"])
            if inner and inner[0] == "string":
                return "strings", f", {length(shape)}{inner[1]}"
            if inner and inner[0] == "structure":
                return "structures", f", {length(shape)}"
            sys.exit(f"{name}: a list of {shape['member']['shape']} has no check")
        case "map":
            key, value = check(model, shape["key"]["shape"]), check(model, shape["value"]["shape"])
            return "map", f", {length(shape)}{key[1]}{value[1]}"
    return None


class Samples:
    """Bodies for the tests: one full request and answer of each operation, and what breaks each constraint."""

    def __init__(self, model):
        self.model = model
        self.cases = []

    def write(self):
        operations = self.model.operations
        calls = {n: self.sample(o["input"]["shape"]) for n, o in operations.items()}
        answers = {
            n: self.sample(o["output"]["shape"])
            for n, o in operations.items()
            if "output" in o and not self.model.streams(o["output"]["shape"])
        }
        for name, operation in operations.items():
            self.operation = name
            self.break_members(operation["input"]["shape"], [], "")
        lines = ['{"calls": {', ",\n".join(f'"{n}": {json.dumps(v, ensure_ascii=False)}' for n, v in calls.items())]
        lines += ['}, "answers": {', ",\n".join(f'"{n}": {json.dumps(v, ensure_ascii=False)}' for n, v in answers.items())]
        lines += ['}, "violations": [', ",\n".join(json.dumps(case, ensure_ascii=False) for case in self.cases), "]}\n"]
        return "\n".join(lines)

    def sample(self, name):
        """A value that keeps to every constraint, with every member."""
        shape = self.model.shapes[name]
        match shape["type"]:
            case "structure":
                return {m: self.sample(t["shape"]) for m, t in shape["members"].items()}
            case "list":
                return [self.sample(shape["member"]["shape"])]
            case "map":
                return {self.sample(shape["key"]["shape"]): self.sample(shape["value"]["shape"])}
            case "string":
                if "enum" in shape:
                    return shape["enum"][-1]
                text = PATTERNS[shape["pattern"]][1] if "pattern" in shape else "text é 😀"
                return text.ljust(shape.get("min", 0), "1")
            case "blob":
                return "AP8="
            case "timestamp":
                return 1700000000.123
            case "boolean":
                return True
            case _:
                return shape.get("max", shape.get("min", 0) + 7)

    def add(self, at, path, value, shown, rules):
        """A case: put `value` at `at`, and the violations repeat `shown` and tell `rules`."""
        where = {"operation": self.operation, "at": at, "path": path}
        self.cases.append({**where, "value": value, "shown": shown, "rules": rules})

    def break_members(self, name, at, path):
        shape = self.model.shapes[name]
        for member, target in shape["members"].items():
            here, where = at + [member], f"{path}{lower_camel(member)}"
            if member in shape.get("required", []):
                self.add(here, where, None, "null", ["Member must not be null"])
            self.break_value(target["shape"], here, where)

    def break_value(self, name, at, where):
        """Adds a case for each constraint of a shape."""
        shape = self.model.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return self.break_members(name, at, f"{where}.")
        if kind == "list" and self.model.shapes[shape["member"]["shape"]]["type"] == "structure":
            self.break_members(shape["member"]["shape"], at + [0], f"{where}.1.member.")
        for value, shown, rules in self.broken(name):
            self.add(at, where, value, shown, rules)
        return None

    def broken(self, name):
        """Values that break a shape's constraints, how a violation shows them, and the rules that it tells."""
        shape = self.model.shapes[name]
        low, high = shape.get("min"), shape.get("max")
        match shape["type"]:
            case "string":
                if "enum" in shape:
                    yield "OTHER", "'OTHER'", [values_rule(name, shape)]
                if "pattern" in shape:
                    bad = PATTERNS[shape["pattern"]][2]
                    yield bad, f"'{bad}'", [pattern_rule(shape)]
                if low:
                    yield "", quoted(name, ""), [*pattern_rules(shape, ""), at_least("length", low)]
                if high:
                    good = PATTERNS[shape["pattern"]][1] if "pattern" in shape else ""
                    more = high + 1 - len(good)
                    rules = [*pattern_rules(shape, good + "1" * more), at_most("length", high)]
                    value = {"text": good, "more": more}
                    yield value, quoted(name, value), rules
            case "blob":
                yield {"blob": high + 1}, None, [at_most("length", high)]
            case "integer":
                if low is not None:
                    yield low - 1, f"'{low - 1}'", [at_least("value", low)]
                if high is not None:
                    yield high + 1, f"'{high + 1}'", [at_most("value", high)]
            case "list":
                element = shape["member"]["shape"]
                scalar = self.model.shapes[element]["type"] == "string"
                if low:
                    yield [], "'[]'", [at_least("length", low)]
                if high:
                    good = self.sample(element)
                    shown = "'[" + ", ".join([good] * (high + 1)) + "]'" if scalar else None
                    yield {"copies": high + 1}, shown, [at_most("length", high)]
                if scalar:
                    bad = "OTHER" if "enum" in self.model.shapes[element] else ""
                    yield [bad], f"'[{bad}]'", [f"Member must satisfy constraint: [{self.rules(element)}]"]
            case "map":
                keys, values = self.rules(shape["key"]["shape"]), self.rules(shape["value"]["shape"])
                yield {}, "'{}'", [at_least("length", low)]
                yield {"": "v"}, "'{=v}'", [f"Map keys must satisfy constraint: [{keys}]"]
                yield {"k": "v" * 257}, "'{k=" + "v" * 257 + "}'", [f"Map value must satisfy constraint: [{values}]"]

    def rules(self, name):
        shape = self.model.shapes[name]
        if "enum" in shape:
            return values_rule(name, shape)
        return f"{at_most('length', shape['max'])}, {at_least('length', shape['min'])}"


def at_most(what, bound):
    return f"Member must have {what} less than or equal to {bound}"


def at_least(what, bound):
    return f"Member must have {what} greater than or equal to {bound}"


def quoted(name, value):
    """How a violation repeats a string; a secret one is left out."""
    if name in SECRET:
        return None
    return f"'{value}'" if isinstance(value, str) else value


def pattern_rules(shape, text):
    """The pattern's rule, if the text breaks it."""
    broken = "pattern" in shape and not re.fullmatch(shape["pattern"], text, re.ASCII)
    return [pattern_rule(shape)] if broken else []


def pattern_rule(shape):
    return f"Member must satisfy regular expression pattern: {printed(shape)}"


def values_rule(name, shape):
    values = PRINTED_VALUES.get(name, shape["enum"])
    return f"Member must satisfy enum value set: [{', '.join(values)}]"


def main(source, out):
    model = Model(load(source))
    files = {
        "mod.rs": module_file(),
        "operation.rs": operation_file(model),
        "call.rs": call_file(model),
        "enums.rs": enums_file(model),
        "rules.rs": rules_file(model),
        "input.rs": shapes_file(model, model.structures(model.inputs), "The structures of requests. Members hold what the caller sent, checked by `validate`.", True),
        "output.rs": shapes_file(model, model.structures(model.outputs - model.inputs), "The structures of answers.", False),
    }
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        formatted = subprocess.run(
            ["rustfmt", "--edition", "2024", "--config-path", str(ROOT / "rustfmt.toml"), "--emit", "stdout"],
            input=text, capture_output=True, text=True, check=False,
        )
        if formatted.returncode:
            sys.exit(f"{name}: {formatted.stderr}")
        (out / name).write_text(formatted.stdout)
    (out / "samples.json").write_text(Samples(model).write())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
