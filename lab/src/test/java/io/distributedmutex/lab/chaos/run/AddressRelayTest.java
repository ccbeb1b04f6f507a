package io.distributedmutex.lab.chaos.run;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What keeps a worker on its own ways. */
class AddressRelayTest {

    private static final Map<String, String> PORTS = Map.of("10001", "20001", "10002", "20002");

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-MOVED 3999 127.0.0.1:10001\r\n",
                "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n10001\r\n",
                "*3\r\n$9\r\n127.0.0.1\r\n:10001\r\n$40\r\n",
                "primary 127.0.0.1 10002 127.0.0.1 10001"
            })
    void eachFormOfAnAddressGetsTheOtherPort(String said) throws Exception {
        assertThat(heard(said)).isEqualTo(said.replace("10001", "20001").replace("10002", "20002"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"$5\r\n10001\r\n", ":10001\r\n", "127.0.0.1:10003", "$3\r\n10.0.0.1:10001", "1"})
    void whatIsNoAddressOfOursStays(String said) throws Exception {
        assertThat(heard(said)).isEqualTo(said);
    }

    @Test
    void anAddressMayComeInPieces() throws Exception {
        String said = "-ASK 1 127.0.0.1:10001\r\n127.0.0.1\r\n$5\r\n10002\r\n";
        for (int cut = 1; cut < said.length(); cut++) {
            assertThat(heard(said.substring(0, cut), said.substring(cut)))
                    .isEqualTo(said.replace("10001", "20001").replace("10002", "20002"));
        }
    }

    @Test
    void aServerThatIsGoneIsSeenToBeGone() throws Exception {
        int port;
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = closed.getLocalPort();
        }
        try (AddressRelay relay = AddressRelay.to(port);
                Socket client = new Socket(InetAddress.getLoopbackAddress(), relay.port())) {
            client.setSoTimeout(10_000);
            InputStream in = client.getInputStream();
            assertThat(org.assertj.core.api.Assertions.catchThrowable(
                            () -> assertThat(in.read()).isNegative()))
                    .satisfiesAnyOf(
                            none -> assertThat(none).isNull(),
                            reset -> assertThat(reset).isInstanceOf(java.net.SocketException.class));
        }
    }

    /** What a client hears when the server says that, in pieces, and closes. */
    private static String heard(String... pieces) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                AddressRelay relay = AddressRelay.to(server.getLocalPort())) {
            relay.replace(PORTS);
            try (Socket client = new Socket(InetAddress.getLoopbackAddress(), relay.port());
                    Socket accepted = server.accept()) {
                accepted.setTcpNoDelay(true);
                client.setSoTimeout(10_000);
                OutputStream out = accepted.getOutputStream();
                for (String piece : pieces) {
                    out.write(piece.getBytes(StandardCharsets.US_ASCII));
                    out.flush();
                }
                accepted.shutdownOutput();
                return new String(client.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
            }
        }
    }
}
