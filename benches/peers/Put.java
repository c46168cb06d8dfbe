import com.google.common.util.concurrent.ListenableFuture;
import com.google.common.util.concurrent.MoreExecutors;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The KPL as a worker of benches/put: `Put HTTPS-ENDPOINT STREAM BYTES`. A line `COUNT` is a round at full speed, answered
 * with the seconds of CPU time of this process and its daemon, and of wall time; a line `COUNT RATE` is one at so many
 * records a second, answered with the median and p99 of the seconds from put to acknowledgement.
 */
public final class Put {
    /** What the KPL's documentation advises to hold back at. */
    private static final int OUTSTANDING = 20_000;

    private static final String[] KEYS = new String[256];

    private final KinesisProducer producer;
    private final String stream;
    private final byte[] data;

    private Put(KinesisProducer producer, String stream, int size) {
        this.producer = producer;
        this.stream = stream;
        this.data = new byte[size];
        Arrays.fill(data, (byte) 'x');
    }

    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(arguments[0]);
        KinesisProducerConfiguration configuration = new KinesisProducerConfiguration()
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setVerifyCertificate(false)
                .setRegion("us-east-1")
                .setCredentialsProvider(StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test")))
                .setMetricsLevel("none")
                // Per cent of a shard's limit: the server has none.
                .setRateLimit(100_000_000);
        for (int n = 0; n < KEYS.length; n++) {
            KEYS[n] = String.format("user-%011d", n);
        }
        Put put = new Put(new KinesisProducer(configuration), arguments[1], Integer.parseInt(arguments[2]));
        System.out.println("ready");
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            String[] asked = line.split(" ");
            int count = Integer.parseInt(asked[0]);
            System.out.println(asked.length == 1 ? put.atFullSpeed(count) : put.paced(count, Integer.parseInt(asked[1])));
        }
        put.producer.destroy();
        System.exit(0);
    }

    private String atFullSpeed(int count) throws Exception {
        double cpu = cpuSeconds();
        long wall = System.nanoTime();
        List<ListenableFuture<UserRecordResult>> results = new ArrayList<>(count);
        for (int n = 0; n < count; n++) {
            while (producer.getOutstandingRecordsCount() >= OUTSTANDING) {
                Thread.sleep(1);
            }
            results.add(put(n));
        }
        producer.flushSync();
        for (ListenableFuture<UserRecordResult> result : results) {
            check(result);
        }
        return (cpuSeconds() - cpu) + " " + (System.nanoTime() - wall) * 1e-9;
    }

    private String paced(int count, int rate) throws Exception {
        long[] took = new long[count];
        List<ListenableFuture<UserRecordResult>> results = new ArrayList<>(count);
        long begin = System.nanoTime();
        for (int n = 0; n < count; n++) {
            int index = n;
            LockSupport.parkNanos(begin + n * TimeUnit.SECONDS.toNanos(1) / rate - System.nanoTime());
            long start = System.nanoTime();
            ListenableFuture<UserRecordResult> result = put(n);
            result.addListener(() -> took[index] = System.nanoTime() - start, MoreExecutors.directExecutor());
            results.add(result);
        }
        for (ListenableFuture<UserRecordResult> result : results) {
            check(result);
        }
        // Waiters are woken before listeners are called.
        Thread.sleep(100);
        Arrays.sort(took);
        return took[count / 2] * 1e-9 + " " + took[count * 99 / 100] * 1e-9;
    }

    private ListenableFuture<UserRecordResult> put(int n) {
        return producer.addUserRecord(stream, KEYS[n % KEYS.length], ByteBuffer.wrap(data));
    }

    private static void check(ListenableFuture<UserRecordResult> result) throws Exception {
        if (!result.get().isSuccessful()) {
            throw new AssertionError("a record was not delivered");
        }
    }

    /** Of this process and of the daemon that it started. */
    private static double cpuSeconds() {
        ProcessHandle own = ProcessHandle.current();
        Duration[] total = {own.info().totalCpuDuration().orElseThrow()};
        own.descendants().forEach(of -> total[0] = total[0].plus(of.info().totalCpuDuration().orElse(Duration.ZERO)));
        return total[0].toNanos() * 1e-9;
    }
}
