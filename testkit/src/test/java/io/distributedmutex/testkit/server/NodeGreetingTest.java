package io.distributedmutex.testkit.server;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import org.junit.jupiter.api.Test;

/** What nodes of a cluster say first, as far as it has come; that real ones do is for {@link EmbeddedClusterTest}. */
final class NodeGreetingTest {

    @Test
    void onTheBusANodeNamesItsPortInEachMessage() {
        ByteBuffer message = ByteBuffer.allocate(2256);
        message.put("RCmb".getBytes(UTF_8))
                .putInt(2256)
                .putShort((short) 1)
                .putShort((short) 45_678)
                .flip();

        assertThat(NodeGreeting.port(message)).hasValue(45_678);
        assertThat(NodeGreeting.port(message.limit(11))).isEmpty();
    }

    @Test
    void aReplicaNamesItsPortAfterItHasLoggedIn() {
        String logIn = "*1\r\n$4\r\nPING\r\n*2\r\n$4\r\nAUTH\r\n$3\r\nsec\r\n";
        String name = "*3\r\n$8\r\nREPLCONF\r\n$14\r\nlistening-port\r\n$5\r\n12345\r\n";

        assertThat(NodeGreeting.port(bytes(logIn + name))).hasValue(12_345);
        assertThat(NodeGreeting.port(bytes(logIn + name.substring(0, name.length() - 1))))
                .isEmpty();
    }

    @Test
    void aClientNamesNone() {
        assertThat(NodeGreeting.port(bytes("*2\r\n$3\r\nGET\r\n$14\r\nlistening-port\r\n")))
                .isEmpty();
        assertThat(NodeGreeting.port(bytes("RC"))).isEmpty();
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(UTF_8));
    }
}
