import com.google.common.util.concurrent.ListenableFuture;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.producer.UserRecordResult;

/** The KPL writes user records, aggregated as it does by itself: `Kpl HTTPS-ENDPOINT STREAM COUNT`. */
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
        List<ListenableFuture<UserRecordResult>> results = new ArrayList<>();
        for (int n = 0; n < count; n++) {
            ByteBuffer data = ByteBuffer.wrap(("record " + n).getBytes(StandardCharsets.UTF_8));
            results.add(producer.addUserRecord(arguments[1], "user-" + n % 1000, data));
        }
        producer.flushSync();
        for (ListenableFuture<UserRecordResult> result : results) {
            Clients.check(result.get().isSuccessful(), "a record was not delivered");
        }
        producer.destroy();
        System.out.println("ok");
        System.exit(0);
    }
}
