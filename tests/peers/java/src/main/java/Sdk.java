import java.net.URI;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/** The AWS SDK for Java puts, reads, reshards and subscribes, in CBOR as it does by itself: `Sdk HTTP-ENDPOINT HTTPS-ENDPOINT`. */
public final class Sdk {
    public static void main(String[] arguments) throws Exception {
        String plain = arguments[0];
        try (KinesisClient kinesis = KinesisClient.builder()
                .endpointOverride(URI.create(plain))
                .region(Clients.REGION)
                .credentialsProvider(Clients.CREDENTIALS)
                .build()) {
            putsReadsAndReshards(kinesis);
        }
        for (String endpoint : arguments) {
            try (KinesisAsyncClient kinesis = Clients.kinesis(endpoint)) {
                subscribes(kinesis, endpoint.startsWith("https") ? "over-tls" : "over-http2");
            }
        }
        System.out.println("ok");
    }

    private static void putsReadsAndReshards(KinesisClient kinesis) {
        String stream = "from-java";
        kinesis.createStream(r -> r.streamName(stream).shardCount(2));
        List<PutRecordsRequestEntry> entries = IntStream.range(0, 500)
                .mapToObj(n -> PutRecordsRequestEntry.builder()
                        .partitionKey("key-" + n)
                        .data(SdkBytes.fromUtf8String("" + n))
                        .build())
                .collect(Collectors.toList());
        Clients.check(kinesis.putRecords(r -> r.streamName(stream).records(entries)).failedRecordCount() == 0, "refused");
        List<Shard> shards = kinesis.listShards(r -> r.streamName(stream)).shards();
        Set<String> read = new TreeSet<>();
        shards.forEach(shard -> read.addAll(readAll(kinesis, stream, shard.shardId())));
        Clients.check(read.size() == 500, "read " + read.size());

        kinesis.splitShard(r -> r.streamName(stream).shardToSplit(shards.get(0).shardId())
                .newStartingHashKey("85070591730234615865843651857942052864"));
        kinesis.mergeShards(r -> r.streamName(stream).shardToMerge("shardId-000000000003")
                .adjacentShardToMerge(shards.get(1).shardId()));
        int open = kinesis.describeStreamSummary(r -> r.streamName(stream)).streamDescriptionSummary().openShardCount();
        Clients.check(open == 2, "open " + open);
        GetRecordsResponse end = kinesis.getRecords(r -> r.shardIterator(kinesis.getShardIterator(
                i -> i.streamName(stream).shardId(shards.get(0).shardId()).shardIteratorType(ShardIteratorType.LATEST))
                .shardIterator()));
        Clients.check(end.nextShardIterator() == null && end.childShards().size() == 2, "no children");
        try {
            kinesis.describeStreamSummary(r -> r.streamName("nowhere"));
            throw new AssertionError("a stream that is not there was described");
        } catch (ResourceNotFoundException expected) {
            Clients.check(expected.awsErrorDetails().errorMessage().contains("nowhere"), expected.getMessage());
        }
    }

    private static List<String> readAll(KinesisClient kinesis, String stream, String shard) {
        List<String> read = new ArrayList<>();
        String next = kinesis.getShardIterator(
                r -> r.streamName(stream).shardId(shard).shardIteratorType(ShardIteratorType.TRIM_HORIZON)).shardIterator();
        while (true) {
            String at = next;
            GetRecordsResponse answer = kinesis.getRecords(r -> r.shardIterator(at).limit(100));
            answer.records().forEach(record -> read.add(record.data().asUtf8String()));
            if (answer.millisBehindLatest() == 0) {
                return read;
            }
            next = answer.nextShardIterator();
        }
    }

    private static void subscribes(KinesisAsyncClient kinesis, String stream) throws Exception {
        kinesis.createStream(r -> r.streamName(stream).shardCount(1)).get();
        String arn = kinesis.describeStreamSummary(r -> r.streamName(stream)).get().streamDescriptionSummary().streamARN();
        String consumer = kinesis.registerStreamConsumer(r -> r.streamARN(arn).consumerName("reports")).get().consumer().consumerARN();
        ConsumerStatus status = kinesis.describeStreamConsumer(r -> r.consumerARN(consumer)).get().consumerDescription().consumerStatus();
        Clients.check(status == ConsumerStatus.ACTIVE, "" + status);
        put(kinesis, stream, "before");
        List<String> seen = new CopyOnWriteArrayList<>();
        CompletableFuture<Void> both = new CompletableFuture<>();
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
                .onError(both::completeExceptionally)
                .subscriber(event -> {
                    if (event instanceof SubscribeToShardEvent records) {
                        records.records().forEach(record -> seen.add(record.data().asUtf8String()));
                    }
                    if (seen.size() == 1) {
                        put(kinesis, stream, "after");
                    }
                    if (seen.size() == 2) {
                        both.complete(null);
                    }
                })
                .build();
        kinesis.subscribeToShard(r -> r.consumerARN(consumer).shardId("shardId-000000000000")
                .startingPosition(p -> p.type(ShardIteratorType.TRIM_HORIZON)), handler);
        both.get(30, TimeUnit.SECONDS);
        Clients.check(seen.equals(List.of("before", "after")), "" + seen);
    }

    private static void put(KinesisAsyncClient kinesis, String stream, String text) {
        kinesis.putRecord(r -> r.streamName(stream).partitionKey("k").data(SdkBytes.fromUtf8String(text)));
    }
}
