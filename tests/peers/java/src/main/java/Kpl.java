import com.google.common.util.concurrent.ListenableFuture;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/**
 * The KPL writes user records, aggregated as it does by itself: `Kpl HTTPS-ENDPOINT STREAM COUNT`. After half of them it
 * says `half` and waits for a line, so that the stream may be resharded under it.
 */
public final class Kpl {
    public static void main(String[] arguments) throws Exception {
        URI endpoint = URI.create(arguments[0]);
        int count = Integer.parseInt(arguments[2]);
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
        write(producer, arguments[1], 0, count / 2);
        System.out.println("half");
        System.in.read();
        write(producer, arguments[1], count / 2, count);
        producer.destroy();
        System.out.println("ok");
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
