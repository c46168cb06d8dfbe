import java.net.URI;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.MetricsLevel;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.RetrievalConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * The KCL reads user records, then through a split and a merge of its own making: `Kcl ENDPOINT DYNAMODB MODE STREAM COUNT`,
 * where MODE is polling or fan-out and COUNT how many distinct user records are there already.
 */
public final class Kcl {
    private static final int MORE = 200;
    /** Every user record once, and how often each came. */
    private static final Map<String, Integer> SEEN = new ConcurrentHashMap<>();

    private static CountDownLatch first;
    private static CountDownLatch all;

    public static void main(String[] arguments) throws Exception {
        String endpoint = arguments[0];
        String mode = arguments[2];
        String stream = arguments[3];
        int count = Integer.parseInt(arguments[4]);
        first = new CountDownLatch(count);
        all = new CountDownLatch(count + MORE);
        KinesisAsyncClient kinesis = Clients.kinesis(endpoint);
        Scheduler scheduler = scheduler(kinesis, URI.create(arguments[1]), mode, stream);
        Thread worker = new Thread(scheduler, "worker");
        worker.setDaemon(true);
        worker.start();
        await(first, "what was there already");
        kinesis.splitShard(r -> r.streamName(stream).shardToSplit("shardId-000000000000")
                .newStartingHashKey("85070591730234615865843651857942052864")).get();
        kinesis.mergeShards(r -> r.streamName(stream).shardToMerge("shardId-000000000003")
                .adjacentShardToMerge("shardId-000000000001")).get();
        for (int n = 0; n < MORE; n++) {
            String text = "more " + n;
            kinesis.putRecord(r -> r.streamName(stream).partitionKey(text).data(SdkBytes.fromUtf8String(text))).get();
        }
        await(all, "what came after the reshards");
        scheduler.startGracefulShutdown().get(60, TimeUnit.SECONDS);
        System.out.println("ok");
        System.exit(0);
    }

    private static void await(CountDownLatch latch, String what) throws InterruptedException {
        Clients.check(latch.await(120, TimeUnit.SECONDS), "still missing of " + what + ": " + latch.getCount());
    }

    private static Scheduler scheduler(KinesisAsyncClient kinesis, URI dynamo, String mode, String stream) {
        DynamoDbAsyncClient leases = DynamoDbAsyncClient.builder()
                .endpointOverride(dynamo).region(Clients.REGION).credentialsProvider(Clients.CREDENTIALS).build();
        CloudWatchAsyncClient metrics = CloudWatchAsyncClient.builder()
                .endpointOverride(dynamo).region(Clients.REGION).credentialsProvider(Clients.CREDENTIALS).build();
        String application = "kcl-" + mode;
        SingleStreamTracker tracker = new SingleStreamTracker(stream,
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON));
        ConfigsBuilder configs = new ConfigsBuilder(tracker, application, kinesis, leases, metrics,
                UUID.randomUUID().toString(), Processor::new);
        RetrievalConfig retrieval = configs.retrievalConfig().retrievalSpecificConfig(mode.equals("polling")
                ? new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(250)
                : new FanOutConfig(kinesis).streamName(stream).applicationName(application));
        LeaseManagementConfig management = configs.leaseManagementConfig()
                .failoverTimeMillis(2_000)
                .shardSyncIntervalMillis(1_000)
                .leasesRecoveryAuditorExecutionFrequencyMillis(2_000);
        management.workerUtilizationAwareAssignmentConfig().disableWorkerMetrics(true);
        return new Scheduler(configs.checkpointConfig(),
                configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(100)
                        .schedulerInitializationBackoffTimeMillis(100),
                management, configs.lifecycleConfig(), configs.metricsConfig().metricsLevel(MetricsLevel.NONE),
                configs.processorConfig().callProcessRecordsEvenForEmptyRecordList(false), retrieval);
    }

    /** Notes what it is given, and checkpoints at the ends of shards. */
    private static final class Processor implements ShardRecordProcessor {
        @Override
        public void initialize(InitializationInput input) {}

        @Override
        public void processRecords(ProcessRecordsInput input) {
            input.records().forEach(record -> {
                byte[] data = new byte[record.data().remaining()];
                record.data().get(data);
                if (SEEN.merge(new String(data, java.nio.charset.StandardCharsets.UTF_8), 1, Integer::sum) == 1) {
                    first.countDown();
                    all.countDown();
                }
            });
        }

        @Override
        public void leaseLost(LeaseLostInput input) {}

        @Override
        public void shardEnded(ShardEndedInput input) {
            try {
                input.checkpointer().checkpoint();
            } catch (InvalidStateException | ShutdownException error) {
                throw new IllegalStateException(error);
            }
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {}
    }
}
