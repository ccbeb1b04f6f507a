package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.RedisURI;
import java.io.FileNotFoundException;
import java.net.ConnectException;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.security.cert.CertificateException;
import java.util.concurrent.CompletionException;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLHandshakeException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;

/** In the words of Lettuce, Netty and JDK; those of TLS are tested on a server by {@code ConnectingTest} as well. */
class ConnectAdviceTest {

    private final ConnectAdvice tcp = ConnectAdvice.of(RedisURI.create("redis://host"));
    private final ConnectAdvice tls = ConnectAdvice.of(RedisURI.create("rediss://host"));
    private final ConnectAdvice socket = ConnectAdvice.of(RedisURI.create("redis-socket:///tmp/redis.sock"));
    private final ConnectAdvice unknown = new ConnectAdvice(null);

    @Test
    void whereNobodyListens() {
        Throwable refused = failed(new ConnectException("Connection refused"));

        assertThat(tcp.on(refused)).isEqualTo("check that it runs there");
        assertThat(tls.on(refused)).isEqualTo("check that it runs there");
        assertThat(unknown.on(refused)).isEqualTo("check that it runs there");
        assertThat(tcp.on(failed(new UnknownHostException("host")))).isEqualTo("check the name");
    }

    @Test
    void whereAPlainPortIsAskedForTls() {
        assertThat(tls.on(failed(new RedisCommandTimeoutException("Connection initialization timed out"))))
                .contains("that this port speaks TLS");
        assertThat(tls.on(failed(new SSLException("not an SSL/TLS record")))).contains("that this port speaks TLS");
        assertThat(tcp.on(failed(new RedisCommandTimeoutException("Connection initialization timed out"))))
                .isEqualTo("check that it runs there");
    }

    @Test
    void whereATlsPortIsAskedWithout() {
        assertThat(tcp.on(failed(new SocketException("Connection reset")))).contains("rediss://");
        assertThat(tcp.on(failed(new RedisConnectionException("Connection closed prematurely"))))
                .contains("rediss://");
        assertThat(tcp.on(failed(new RedisConnectionException("Invalid first byte: 21 ( ) at buffer index 1"))))
                .contains("rediss://");
        assertThat(tcp.on(failed(new RedisConnectionException("Invalid first byte: 72 (H) at buffer index 0"))))
                .isEqualTo("check that nothing but Redis or Valkey stands at that address");
        assertThat(unknown.on(failed(new SocketException("Connection reset")))).contains("rediss://");
        assertThat(tls.on(failed(new SocketException("Connection reset")))).isEqualTo("check that it runs there");
    }

    @Test
    void ofCertificates() {
        for (ConnectAdvice advice : new ConnectAdvice[] {tls, unknown}) {
            assertThat(advice.on(failed(new SSLHandshakeException("PKIX path building failed"))))
                    .contains("trust store");
            assertThat(advice.on(
                            failed(new CertificateException("No subject alternative names matching IP address found"))))
                    .contains("for other names");
            assertThat(advice.on(failed(new CertificateException("No name matching localhost found"))))
                    .contains("for other names");
            assertThat(advice.on(failed(new SSLHandshakeException("Received fatal alert: certificate_required"))))
                    .contains("certificate of its clients");
        }
    }

    @Test
    void ofSockets() {
        assertThat(socket.on(new IllegalStateException("requires epoll or kqueue and neither is available")))
                .contains("netty-transport-native-epoll");
        assertThat(socket.on(failed(new FileNotFoundException("No such file or directory"))))
                .contains("that it has opened that file");
        assertThat(socket.on(failed(new ConnectException("connect(..) failed: Permission denied"))))
                .contains("unixsocketperm");
    }

    @Test
    @Timeout(value = 20, threadMode = ThreadMode.SEPARATE_THREAD)
    void ofACircleOfCauses() {
        Throwable circle = new SocketException("Connection reset");
        circle.initCause(new CompletionException(circle));

        assertThat(tcp.on(circle)).contains("rediss://");
        assertThat(tls.on(circle)).isEqualTo("check that it runs there");
        assertThat(socket.on(circle)).contains("that it has opened that file");
    }

    private static Throwable failed(Throwable cause) {
        return new CompletionException(new RedisConnectionException("Unable to connect to host", cause));
    }
}
