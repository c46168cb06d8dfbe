"""What producers and readers count, as values and in the formats of metrics services, read by those services' own parsers."""

import asyncio
import json

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.parser import text_string_to_metric_families

import kinetik
import kinetik.aio
from kinetik import Producer, Reader

RECORDS = 600


@pytest.fixture
def producer(engine):
    engine.create_stream("orders", 2)
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        producer.put_many((f"user-{n % 3}", b"an order") for n in range(RECORDS))
        producer.flush()
        yield producer


def samples(text):
    """The samples of Prometheus's text, by name and labels; the parser gives counters the ending `_total`."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def points(text):
    """The data points of an OTLP body, by metric."""
    request = json_format.Parse(text, ExportMetricsServiceRequest())
    [resource] = request.resource_metrics
    [scope] = resource.scope_metrics
    return {metric.name: getattr(metric, metric.WhichOneof("data")).data_points for metric in scope.metrics}


def test_values_have_kpls_names_and_those_of_shards_add_up(producer):
    metrics = producer.metrics
    assert metrics["UserRecordsReceived"] == metrics["UserRecordsPut"] == RECORDS
    assert metrics["UserRecordsPending"] == metrics["AllErrors"] == metrics["UserRecordExpired"] == 0
    assert metrics["UserRecordsDataPut"] == RECORDS * len("user-1an order")
    assert metrics["BufferingTime"]["count"] == metrics["RetriesPerRecord"]["count"] == RECORDS
    assert metrics["UserRecordsPerKinesisRecord"]["sum"] == RECORDS
    assert metrics["RequestTime"]["count"] == metrics["UserRecordsPerPutRecordsRequest"]["count"] > 0
    shards = metrics["shards"].values()
    for name in ["UserRecordsPut", "UserRecordsDataPut", "KinesisRecordsPut", "KinesisRecordsDataPut"]:
        assert sum(shard[name] for shard in shards) == metrics[name], name


def test_errors_are_counted_by_the_services_code(engine):
    engine.create_stream("orders", 1)
    engine.faults.fail("PutRecords", "ProvisionedThroughputExceededException", shard=0, times=2)
    with Producer("orders", aggregate=True, endpoint=engine, linger=0.0) as producer:
        receipt = producer.put_and_wait("user-1", b"an order")
        metrics = producer.metrics
    assert receipt.attempts == 3
    assert metrics["ErrorsByCode"] == {"ProvisionedThroughputExceededException": 2}
    assert metrics["AllErrors"] == metrics["shards"]["shardId-000000000000"]["AllErrors"] == 2
    assert metrics["RetriesPerRecord"]["max"] == 2


def test_prometheus_reads_the_text(producer):
    told = samples(producer.metrics_text("prometheus"))
    stream = ("StreamName", "orders")
    assert told["kinetik_UserRecordsPut_total", (stream,)] == RECORDS
    shards = [value for (name, labels), value in told.items() if name == "kinetik_UserRecordsPut_total" and len(labels) == 2]
    assert sum(shards) == RECORDS
    assert told["kinetik_BufferingTime_count", (stream,)] == RECORDS


def test_an_opentelemetry_collector_reads_the_body(producer, monkeypatch):
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    text = producer.metrics_text("otlp")
    told = points(text)
    assert '"stringValue":"shop"' in text
    [total] = [point for point in told["UserRecordsPut"] if len(point.attributes) == 1]
    assert total.as_int == RECORDS and 0 < total.start_time_unix_nano <= total.time_unix_nano
    [times] = told["BufferingTime"]
    assert times.count == sum(times.bucket_counts) == RECORDS
    assert len(times.bucket_counts) == len(times.explicit_bounds) + 1


def test_lines_for_cloudwatch_tell_each_event_once(producer):
    lines = [json.loads(line) for line in producer.metrics_text("emf").splitlines()]
    for line in lines:
        [directive] = line["_aws"]["CloudWatchMetrics"]
        assert directive["Namespace"] == "KinesisProducerLibrary"
        [dimensions] = directive["Dimensions"]
        assert all(isinstance(line[name], str) for name in dimensions)
        assert all(metric["Name"] in line for metric in directive["Metrics"])
    [total] = [line for line in lines if "UserRecordsReceived" in line]
    assert total["UserRecordsPut"] == RECORDS
    assert total["BufferingTime"]["Count"] == RECORDS
    producer.put_and_wait("user-1", b"one more")
    again = [json.loads(line) for line in producer.metrics_text("emf").splitlines()]
    assert [line["UserRecordsPut"] for line in again] == [1, 1], "of the stream and of one shard"


def test_the_skew_report_names_the_hottest_keys_and_how_many_shards_would_do(engine):
    engine.create_stream("orders", 4)
    with Producer("orders", aggregate=True, endpoint=engine) as producer:
        producer.put_many(("hot" if n % 2 else f"user-{n}", b"an order") for n in range(900))
        producer.flush()
        skew = producer.skew
    assert skew["sampled"] == 900
    assert skew["keys"][0]["key"] == "hot" and abs(skew["keys"][0]["records"] - 0.5) < 0.01
    assert int(skew["keys"][0]["hash_key"]) == kinetik.hash_key("hot")
    assert abs(sum(shard["records"] for shard in skew["shards"]) - 1) < 1e-9
    assert skew["shards_needed"] == 1 and skew["is_one_key_too_much"] is False
    assert skew["aggregation_ratio"] > 1


def test_a_reader_tells_its_metrics_in_the_same_formats(producer, engine):
    with Reader("orders", start="TRIM_HORIZON", until="now", endpoint=engine) as reader:
        assert sum(1 for _ in reader) == RECORDS
        told = samples(reader.metrics_text("prometheus"))
        assert told["kinetik_reader_records_total", (("stream", "orders"),)] == RECORDS
        assert json.loads(reader.metrics_text("json"))["records"] == RECORDS
        [point] = points(reader.metrics_text("otlp"))["reader_records"]
        assert point.as_int == RECORDS
        assert json.loads(reader.metrics_text("emf").splitlines()[0])["reader_records"] == RECORDS


def test_an_unknown_format_is_refused_with_the_known_ones(producer, engine):
    with pytest.raises(kinetik.InvalidArgumentError, match="format.*json, prometheus, emf or otlp"):
        producer.metrics_text("csv")
    with pytest.raises(TypeError):
        producer.metrics_text(7)
    with Reader("orders", start="LATEST", endpoint=engine) as reader, pytest.raises(kinetik.InvalidArgumentError):
        reader.metrics_text("csv")


def test_asyncio_has_the_same(engine):
    async def main():
        async with kinetik.aio.Producer("orders", aggregate=True, endpoint=engine) as producer:
            await producer.submit("user-1", b"an order")
            assert producer.metrics["UserRecordsPut"] == 1
            assert "kinetik_UserRecordsPut" in producer.metrics_text("prometheus")
            assert producer.skew["keys"][0]["key"] == "user-1"

    engine.create_stream("orders", 1)
    asyncio.run(main())
