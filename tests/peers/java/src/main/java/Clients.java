import java.net.URI;
import java.time.Duration;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.http.Protocol;
import software.amazon.awssdk.http.SdkHttpConfigurationOption;
import software.amazon.awssdk.http.async.SdkAsyncHttpClient;
import software.amazon.awssdk.http.nio.netty.NettyNioAsyncHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.utils.AttributeMap;

/** What every program here needs to reach a server of this machine. */
final class Clients {
    static final Region REGION = Region.US_EAST_1;
    static final StaticCredentialsProvider CREDENTIALS =
            StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));

    private Clients() {}

    /** The SDK's own HTTP/2: prior knowledge over http, ALPN over https, whose certificate is not looked at. */
    static KinesisAsyncClient kinesis(String endpoint) {
        return KinesisAsyncClient.builder()
                .endpointOverride(URI.create(endpoint))
                .region(REGION)
                .credentialsProvider(CREDENTIALS)
                .httpClient(http2())
                .build();
    }

    private static SdkAsyncHttpClient http2() {
        AttributeMap trusting =
                AttributeMap.builder().put(SdkHttpConfigurationOption.TRUST_ALL_CERTIFICATES, true).build();
        return NettyNioAsyncHttpClient.builder()
                .protocol(Protocol.HTTP2)
                .readTimeout(Duration.ofSeconds(30))
                .buildWithDefaults(trusting);
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
