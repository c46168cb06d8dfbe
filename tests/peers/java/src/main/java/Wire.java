import java.net.URI;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;

/** Puts one record, for whoever looks at the bytes: `Wire ENDPOINT`. */
public final class Wire {
    public static void main(String[] arguments) {
        try (KinesisClient kinesis = KinesisClient.builder()
                .endpointOverride(URI.create(arguments[0]))
                .region(Clients.REGION)
                .credentialsProvider(Clients.CREDENTIALS)
                .build()) {
            kinesis.putRecord(put -> put.streamName("orders").partitionKey("k\u00e4se").data(SdkBytes.fromUtf8String("Hello")));
        }
    }
}
