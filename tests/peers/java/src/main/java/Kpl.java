import com.google.common.util.concurrent.ListenableFuture;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The KPL writes user records, aggregated as it does by itself: `Kpl HTTPS-ENDPOINT STREAM`. Each line of its input is a
 * number of records to write next; it says `written` when they are delivered, and ends with its input. So the stream may be
 * looked at, and resharded, under it.
 */
public final class Kpl {
    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(arguments[0]);
        KinesisProducerConfiguration configuration = new KinesisProducerConfiguration()
                .setKinesisEndpoint(endpoint.getHost())
                .setKinesisPort(endpoint.getPort())
                .setStsEndpoint(endpoint.getHost())
                .setStsPort(endpoint.getPort())
                .setVerifyCertificate(false)
                .setRegion(Clients.REGION.id())
                .setCredentialsProvider(Clients.CREDENTIALS)
                .setMetricsLevel("none")
                .setRecordMaxBufferedTime(100);
        KinesisProducer producer = new KinesisProducer(configuration);
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        int written = 0;
        for (String line = input.readLine(); line != null; line = input.readLine()) {
            int end = written + Integer.parseInt(line);
            write(producer, arguments[1], written, end);
            written = end;
            System.out.println("written");
        }
        producer.destroy();
        System.exit(0);
    }

    private static void write(KinesisProducer producer, String stream, int begin, int end) throws Exception {
        List<ListenableFuture<UserRecordResult>> results = new ArrayList<>();
        for (int n = begin; n < end; n++) {
            ByteBuffer data = ByteBuffer.wrap(("record " + n).getBytes(StandardCharsets.UTF_8));
            results.add(producer.addUserRecord(stream, "user-" + n % 1000, data));
        }
        producer.flushSync();
        for (ListenableFuture<UserRecordResult> result : results) {
            Clients.check(result.get().isSuccessful(), "a record was not delivered");
        }
    }
}
