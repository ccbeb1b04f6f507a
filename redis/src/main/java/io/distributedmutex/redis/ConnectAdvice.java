package io.distributedmutex.redis;

import io.distributedmutex.spi.Causes;
import io.lettuce.core.RedisURI;
import java.net.SocketException;
import java.net.UnknownHostException;
import java.util.stream.Collectors;
import javax.net.ssl.SSLException;
import org.jspecify.annotations.Nullable;

/**
 * What to do about a connection that could not be opened.
 *
 * @param transport how the server is reached; null if that is not known, with an application's client
 */
record ConnectAdvice(@Nullable Transport transport) {

    enum Transport {
        TCP,
        TLS,
        SOCKET
    }

    static ConnectAdvice of(RedisURI uri) {
        if (uri.getSocket() != null) {
            return new ConnectAdvice(Transport.SOCKET);
        }
        return new ConnectAdvice(uri.isSsl() ? Transport.TLS : Transport.TCP);
    }

    /**
     * Advises.
     *
     * @param error what went wrong, with its causes
     * @return what to check, without brackets
     */
    String on(Throwable error) {
        if (transport == Transport.SOCKET) {
            return onSocket(error);
        }
        @Nullable String certificate = onCertificate(texts(error));
        if (certificate != null) {
            return certificate;
        }
        if (has(SSLException.class, error)) {
            return "check that this port speaks TLS, and in a version that this JVM speaks; redis:// is without TLS";
        }
        if (has(UnknownHostException.class, error)) {
            return "check the name";
        }
        if (transport == Transport.TLS && RedisErrors.isSilence(error)) {
            return "check that it runs there, and that this port speaks TLS: one that does not is silent, too;"
                    + " redis:// is without TLS";
        }
        if (transport != Transport.TLS && isEnd(error)) {
            return "check that it runs there, and whether this port wants TLS, which is rediss://";
        }
        if (texts(error).contains("Invalid first byte")) {
            return "check that nothing but Redis or Valkey stands at that address";
        }
        return "check that it runs there";
    }

    private static String onSocket(Throwable error) {
        String texts = texts(error);
        if (has(IllegalStateException.class, error) || has(LinkageError.class, error)) {
            return "add Netty's native part for this platform to the class path:"
                    + " io.netty:netty-transport-native-epoll with its classifier on Linux, -kqueue on macOS";
        }
        if (texts.contains("Permission denied")) {
            return "check that this user may write to that file; see unixsocketperm in redis.conf";
        }
        return "check that it runs there and that it has opened that file; see unixsocket in redis.conf";
    }

    /** Also of clients of applications, whose connections may be by TLS. */
    private static @Nullable String onCertificate(String texts) {
        if (texts.contains("PKIX") || texts.contains("certification path")) {
            return "this JVM trusts nobody who signed its certificate: add who did to the trust store"
                    + " (-Djavax.net.ssl.trustStore=...), or give a RedisClient with SslOptions";
        }
        if (texts.contains("No subject alternative") || texts.contains("No name matching")) {
            return "its certificate is for other names: use one of them, or ?verifyPeer=ca, which does not look at names";
        }
        if (texts.contains("certificate_required")
                || texts.contains("bad_certificate")
                || texts.contains("handshake_failure")) {
            return "it may want a certificate of its clients: give a RedisClient with SslOptions";
        }
        return null;
    }

    /** What a port does that wants TLS: it ends the connection, with an alert of TLS or without. */
    private static boolean isEnd(Throwable error) {
        String texts = texts(error);
        return texts.contains("prematurely")
                || texts.contains("Invalid first byte: 21 ")
                || (has(SocketException.class, error) && texts.contains("reset"));
    }

    private static boolean has(Class<? extends Throwable> type, Throwable error) {
        return Causes.of(error).stream().anyMatch(type::isInstance);
    }

    private static String texts(Throwable error) {
        return Causes.of(error).stream()
                .map(each -> String.valueOf(each.getMessage()))
                .collect(Collectors.joining("\n"));
    }
}
