package io.distributedmutex.testkit.proxy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.distributedmutex.testing.Stalls;
import io.distributedmutex.testkit.internal.Loopback;
import io.distributedmutex.testkit.internal.UninterruptedWait;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import java.io.IOException;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A proxy before a server that says again what it hears; and, where a test needs it, before one that does not. */
@Timeout(60)
class FaultyProxyTest {

    private static final Duration BOUND = Duration.ofSeconds(10);

    /** How long a test looks on while nothing may come. */
    private static final int QUIET_MILLIS = 60;

    private EchoServer server;
    private FaultyProxy proxy;

    @BeforeEach
    void start() throws IOException {
        server = new EchoServer();
        proxy = FaultyProxy.to(server.port());
    }

    @AfterEach
    void stop() throws IOException {
        proxy.close();
        server.close();
    }

    @Test
    void withoutFaultsEverythingPassesBothWays() throws IOException {
        try (Client one = new Client();
                Client other = new Client()) {
            one.say("one");
            other.say("other");

            assertThat(one.hear(3)).isEqualTo("one");
            assertThat(other.hear(5)).isEqualTo("other");
            assertThat(proxy.passed(Direction.TO_SERVER)).isEqualTo(8);
            assertThat(proxy.passed(Direction.TO_CLIENT)).isEqualTo(8);
            assertThat(proxy.accepted()).isEqualTo(2);
            assertThat(proxy.connections()).isEqualTo(2);
        }
        until(() -> proxy.connections() == 0);
        assertThat(proxy.accepted()).isEqualTo(2);
    }

    @Test
    void muchMoreThanItsBufferPassesUnchanged() throws Exception {
        String much = "0123456789abcdef".repeat(64 * 1024);
        try (Client client = new Client()) {
            Thread speaker = new Thread(() -> client.sayUnchecked(much));
            speaker.start();

            assertThat(client.hear(much.length())).isEqualTo(much);
            speaker.join();
        }
    }

    @Test
    void anEndThatIsClosedInOrderIsSeenAfterTheLastByte() throws IOException {
        proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(20));
        try (Client client = new Client()) {
            client.say("bye");
            client.socket.shutdownOutput();

            assertThat(client.hear(3)).isEqualTo("bye");
            assertThat(client.socket.getInputStream().read()).isEqualTo(-1);
        }
    }

    @Test
    void cutResetsThoseOfNowAndNoLaterOnes() throws IOException {
        try (Client before = new Client();
                Client other = new Client()) {
            before.talk();
            other.talk();
            proxy.cut();

            assertThat(proxy.connections()).isZero();
            before.assertReset();
            other.assertReset();
            until(() -> server.open() == 0);
        }
        try (Client after = new Client()) {
            after.talk();
        }
    }

    @Test
    void aConnectionThatWasJustMadeIsOneOfNow() throws IOException {
        for (int i = 0; i < 50; i++) {
            try (Client client = new Client()) {
                proxy.cut();
                client.assertReset();
            }
        }
    }

    @Test
    void refusedConnectionsAreResetAtOnceUntilNoLonger() throws IOException {
        try (Client present = new Client()) {
            present.talk();
            proxy.refuse(true);

            present.assertReset();
        }
        try (Client refused = new Client()) {
            refused.assertReset();
        }
        assertThat(proxy.accepted()).isEqualTo(1);
        proxy.refuse(false);
        try (Client later = new Client()) {
            later.talk();
        }
    }

    @Test
    void connectionsAreRefusedForWhatTheirClientsSayFirst() throws IOException {
        try (Client present = new Client();
                Client silent = new Client();
                Client other = new Client()) {
            present.say("foe one");
            assertThat(present.hear(7)).isEqualTo("foe one");
            other.talk();
            proxy.refuseIf(begins("foe"));

            assertThat(proxy.connections()).isEqualTo(2);
            present.assertReset();
            silent.say("foe two");
            silent.assertReset();
            try (Client later = new Client()) {
                later.say("foe three");
                later.assertReset();
            }
            other.say("foe");
            assertThat(other.hear(3)).isEqualTo("foe");
            until(() -> server.open() == 1);
            assertThat(server.heard()).isEqualTo("foe one" + "hello" + "foe");
        }
        proxy.heal();
        try (Client healed = new Client()) {
            healed.say("foe");
            assertThat(healed.hear(3)).isEqualTo("foe");
        }
    }

    @Test
    void aClientThatSaysItInPiecesIsRefusedAtTheLastOfThem() throws IOException {
        proxy.refuseIf(begins("hello"));
        try (Client client = new Client()) {
            client.say("hel");
            assertThat(client.hear(3)).isEqualTo("hel");
            client.say("lo");

            client.assertReset();
            until(() -> server.open() == 0);
            assertThat(server.heard()).isEqualTo("hel");
        }
    }

    @Test
    void whatIsRefusedDoesNotPassThoughItWouldBeLate() throws IOException {
        proxy.delay(Direction.TO_SERVER, Duration.ofMinutes(1));
        try (Client client = new Client()) {
            client.say("he");
            client.assertHearsNothing();
            proxy.refuseIf(begins("he"));

            client.assertReset();
            assertThat(proxy.passed(Direction.TO_SERVER)).isZero();
        }
    }

    @Test
    void aNewConditionReplacesTheOldOne() throws IOException {
        proxy.refuseIf(begins("hello"));
        proxy.refuseIf(begins("other"));
        try (Client client = new Client()) {
            client.talk();
        }
    }

    @Test
    void aConditionIsAskedForTheFirst1024BytesAndCannotChangeThem() throws IOException {
        Queue<ByteBuffer> asked = new ConcurrentLinkedQueue<>();
        proxy.refuseIf(saidFirst -> {
            asked.add(saidFirst);
            return false;
        });
        try (Client client = new Client()) {
            client.say("x".repeat(1023));
            client.hear(1023);
            client.say("yz");
            assertThat(client.hear(2)).isEqualTo("yz");
            int times = asked.size();
            client.talk();

            assertThat(asked)
                    .hasSize(times)
                    .allMatch(ByteBuffer::isReadOnly)
                    .allMatch(saidFirst -> saidFirst.position() == 0 && saidFirst.get(0) == 'x')
                    .last()
                    .matches(saidFirst -> saidFirst.remaining() == 1024 && saidFirst.get(1023) == 'y');
        }
    }

    @Test
    void aDelayedChunkComesLaterAndInOrder() throws IOException {
        Duration delay = Duration.ofMillis(80);
        try (Client client = new Client()) {
            client.talk();
            proxy.delay(Direction.TO_SERVER, delay);
            long start = System.nanoTime();
            for (char next = 'a'; next <= 'e'; next++) {
                client.say(String.valueOf(next));
            }

            assertThat(client.hear(5)).isEqualTo("abcde");
            assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(delay.toNanos());

            proxy.delay(Direction.TO_SERVER, Duration.ofMinutes(1));
            client.say("z");
            client.assertHearsNothing();
            proxy.delay(Direction.TO_SERVER, Duration.ZERO);
            assertThat(client.hear(1)).isEqualTo("z");
        }
    }

    @Test
    void delaysOfManyChunksRunTogether() throws IOException {
        Duration delay = Duration.ofMillis(500);
        proxy.delay(Direction.TO_CLIENT, delay);
        try (Client client = new Client();
                Stalls stalls = Stalls.watchMachine()) {
            long start = System.nanoTime();
            for (int i = 0; i < 20; i++) {
                long passed = i + 1;
                client.say("x");
                until(() -> proxy.passed(Direction.TO_SERVER) == passed);
            }
            client.hear(20);

            // One after the other they would take ten seconds.
            assertThat((System.nanoTime() - start) / 1_000_000)
                    .isBetween(delay.toMillis(), 10 * delay.toMillis() + stalls.allowanceMillis());
        }
    }

    @Test
    void whatIsHeldOnOneWayArrivesLateAndInOrderWhileTheOtherWayWorks() throws IOException {
        try (Client client = new Client()) {
            client.talk();
            long passed = proxy.passed(Direction.TO_SERVER);
            proxy.hold(Direction.TO_CLIENT);
            client.say("held");

            until(() -> proxy.passed(Direction.TO_SERVER) == passed + 4);
            client.say(" back");
            client.assertHearsNothing();
            assertThat(proxy.connections()).isEqualTo(1);
            proxy.pass(Direction.TO_CLIENT);

            assertThat(client.hear(9)).isEqualTo("held back");
        }
    }

    @Test
    void aHoldIsThereForLaterConnectionsAndForTheirEnds() throws IOException {
        proxy.hold(Direction.TO_SERVER);
        try (Client later = new Client()) {
            later.say("late");
            later.socket.shutdownOutput();
            later.assertHearsNothing();
            assertThat(server.heard()).isEmpty();
            proxy.pass(Direction.TO_SERVER);

            assertThat(later.hear(4)).isEqualTo("late");
            assertThat(later.socket.getInputStream().read()).isEqualTo(-1);
        }
    }

    @Test
    void aHoldStopsAlsoWhatIsDelayedAlready() throws IOException {
        try (Client client = new Client()) {
            client.talk();
            long passed = proxy.passed(Direction.TO_SERVER);
            proxy.delay(Direction.TO_SERVER, Duration.ofMinutes(1));
            client.say("x");
            proxy.hold(Direction.TO_SERVER);
            proxy.delay(Direction.TO_SERVER, Duration.ZERO);
            client.assertHearsNothing();
            assertThat(proxy.passed(Direction.TO_SERVER)).isEqualTo(passed);
            proxy.pass(Direction.TO_SERVER);

            assertThat(client.hear(1)).isEqualTo("x");
        }
    }

    @Test
    void whileItHoldsTheSenderIsStoppedByItsOwnKernel() throws Exception {
        proxy.hold(Direction.TO_SERVER);
        String tooMuch = "x".repeat(32 * 1024 * 1024);
        try (Client client = new Client()) {
            Thread speaker = new Thread(() -> client.sayUnchecked(tooMuch));
            speaker.start();
            // Were it read, it would be so within milliseconds.
            speaker.join(300);
            assertThat(speaker.isAlive()).isTrue();
            proxy.cut();
            speaker.join();
        }
    }

    @Test
    void whatIsSwallowedIsLostForEverButLaterConnectionsWork() throws IOException {
        try (Client forgotten = new Client()) {
            forgotten.talk();
            proxy.swallow();
            forgotten.say("lost");
            forgotten.assertHearsNothing();
            proxy.heal();
            forgotten.say("lost too");
            forgotten.assertHearsNothing();
            try (Client later = new Client()) {
                later.talk();
            }
            assertThat(server.heard()).doesNotContain("lost");
        }
    }

    @Test
    void theEndOfASwallowedConnectionIsHiddenFromTheOtherSide() throws IOException {
        try (Client forgotten = new Client()) {
            forgotten.talk();
            proxy.swallow();
        }
        try (Client later = new Client()) {
            later.talk();
            assertThat(server.open()).isEqualTo(2);
            assertThat(proxy.connections()).isEqualTo(2);
        }
        proxy.cut();
        until(() -> server.open() == 0);
    }

    @Test
    void exactlySoManyBytesGetThroughToTheServerBeforeTheCut() throws IOException {
        for (int bytes = 0; bytes <= 5; bytes++) {
            server.forget();
            proxy.cutAfter(Direction.TO_SERVER, bytes);
            try (Client client = new Client()) {
                client.say("12345");
                client.assertEnds();
            }
            String heard = "12345".substring(0, bytes);
            until(() -> server.heard().equals(heard) && server.open() == 0);
        }
    }

    @Test
    void exactlySoManyBytesGetThroughToTheClientBeforeTheCut() throws IOException {
        for (int bytes = 0; bytes <= 5; bytes++) {
            proxy.cutAfter(Direction.TO_CLIENT, bytes);
            try (Client client = new Client()) {
                client.say("12345");

                assertThat(client.hear(bytes)).isEqualTo("12345".substring(0, bytes));
                client.assertEnds();
            }
            until(() -> server.open() == 0);
        }
    }

    @Test
    void bytesUntilACutAreCountedOverAllConnectionsAndTheCutComesOnce() throws IOException {
        try (Client first = new Client();
                Client second = new Client()) {
            first.talk();
            second.talk();
            proxy.cutAfter(Direction.TO_SERVER, 5);
            first.say("123");
            assertThat(first.hear(3)).isEqualTo("123");
            second.say("456");

            second.assertEnds();
            first.talk();
        }
        try (Client later = new Client()) {
            later.say("1234567890");
            assertThat(later.hear(10)).isEqualTo("1234567890");
        }
    }

    @Test
    void healEndsEveryFault() throws IOException {
        proxy.hold(Direction.TO_SERVER);
        proxy.hold(Direction.TO_CLIENT);
        proxy.delay(Direction.TO_SERVER, Duration.ofMinutes(1));
        proxy.cutAfter(Direction.TO_SERVER, 3);
        proxy.cutAfter(Direction.TO_CLIENT, 3);
        proxy.refuse(true);
        proxy.refuseIf(saidFirst -> true);

        proxy.heal();

        try (Client client = new Client()) {
            client.say("whole");
            assertThat(client.hear(5)).isEqualTo("whole");
        }
    }

    @Test
    void aServerThatIsNotThereResetsItsClientAndIsFoundWhenItReturns() throws IOException {
        int port = server.port();
        server.close();
        try (Client early = new Client()) {
            early.assertReset();
        }
        server = new EchoServer(port);
        try (Client later = new Client()) {
            later.talk();
        }
    }

    @Test
    void afterCloseNoConnectionThreadOrListenerIsLeft() throws IOException {
        try (Client client = new Client()) {
            client.talk();
            proxy.close();
            proxy.close();
            client.assertReset();
        }
        assertThat(proxy.connections()).isZero();
        assertThat(Thread.getAllStackTraces().keySet())
                .noneMatch(thread -> thread.getName().equals("faulty-proxy-" + proxy.port()));
        assertThatThrownBy(Client::new).isInstanceOf(IOException.class);
        proxy.heal();
        proxy.cut();
    }

    @Test
    void whatMakesNoSenseIsRefusedWithBothNumbers() {
        assertThatIllegalArgumentException().isThrownBy(() -> FaultyProxy.to(0)).withMessageContaining("65535, not 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> FaultyProxy.to(65_536))
                .withMessageContaining("65535, not 65536");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(-1)))
                .withMessageContaining("60000 ms, not -1 ms");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.delay(Direction.TO_CLIENT, Duration.ofMillis(60_001)))
                .withMessageContaining("60000 ms, not 60001 ms");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> proxy.cutAfter(Direction.TO_CLIENT, -1))
                .withMessageContaining("0 bytes or more, not -1");
    }

    @Test
    void itSaysWhereItIsAndWhatItHides() {
        assertThat(proxy.uri()).isEqualTo("redis://127.0.0.1:" + proxy.port());
        assertThat(proxy).hasToString("proxy 127.0.0.1:" + proxy.port() + " to port " + server.port());
    }

    private static Predicate<ByteBuffer> begins(String text) {
        return saidFirst -> UTF_8.decode(saidFirst).toString().startsWith(text);
    }

    private static void until(BooleanSupplier condition) {
        long deadline = System.nanoTime() + BOUND.toNanos();
        while (!condition.getAsBoolean()) {
            assertThat(System.nanoTime()).as("bound").isLessThan(deadline);
            Thread.onSpinWait();
        }
    }

    /** Speaks through the proxy. */
    private final class Client implements AutoCloseable {

        final Socket socket;

        Client() throws IOException {
            socket = new Socket("127.0.0.1", proxy.port());
            socket.setTcpNoDelay(true);
            socket.setSoTimeout((int) BOUND.toMillis());
        }

        void say(String text) throws IOException {
            socket.getOutputStream().write(text.getBytes(UTF_8));
        }

        void sayUnchecked(String text) {
            try {
                say(text);
            } catch (IOException cut) {
                // The reader sees the same.
            }
        }

        String hear(int bytes) throws IOException {
            return new String(socket.getInputStream().readNBytes(bytes), UTF_8);
        }

        void talk() throws IOException {
            say("hello");
            assertThat(hear(5)).isEqualTo("hello");
        }

        void assertHearsNothing() throws IOException {
            socket.setSoTimeout(QUIET_MILLIS);
            assertThatThrownBy(() -> socket.getInputStream().read()).isInstanceOf(SocketTimeoutException.class);
            socket.setSoTimeout((int) BOUND.toMillis());
        }

        void assertReset() {
            assertThatThrownBy(() -> assertThat(socket.getInputStream().read()).isEqualTo(-2))
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("reset");
        }

        /** Closed or reset, but not silent. */
        void assertEnds() {
            try {
                assertThat(socket.getInputStream().read()).isEqualTo(-1);
            } catch (SocketTimeoutException silent) {
                throw new AssertionError("neither closed nor reset", silent);
            } catch (IOException reset) {
                assertThat(reset).hasMessageContaining("reset");
            }
        }

        @Override
        public void close() throws IOException {
            socket.close();
        }
    }

    /** Says again what it hears, with a thread per connection, and remembers it. */
    private static final class EchoServer implements AutoCloseable {

        private final ServerSocket listener;
        private final Thread acceptor;
        private final Queue<Socket> open = new ConcurrentLinkedQueue<>();
        private final StringBuffer heard = new StringBuffer();

        EchoServer() throws IOException {
            this(Loopback.freePort());
        }

        EchoServer(int port) throws IOException {
            listener = new ServerSocket();
            listener.setReuseAddress(true);
            listener.bind(Loopback.address(port));
            acceptor = start(this::listen);
        }

        int port() {
            return listener.getLocalPort();
        }

        int open() {
            return open.size();
        }

        String heard() {
            return heard.toString();
        }

        void forget() {
            heard.setLength(0);
        }

        private void listen() {
            try {
                while (true) {
                    Socket socket = listener.accept();
                    open.add(socket);
                    Thread unused = start(() -> echo(socket));
                }
            } catch (IOException closed) {
                // Ends with the listener.
            }
        }

        private void echo(Socket socket) {
            byte[] buffer = new byte[4096];
            try (socket) {
                for (int length = socket.getInputStream().read(buffer);
                        length >= 0;
                        length = socket.getInputStream().read(buffer)) {
                    heard.append(new String(buffer, 0, length, UTF_8));
                    socket.getOutputStream().write(buffer, 0, length);
                }
            } catch (IOException gone) {
                // Its client sees the same.
            } finally {
                open.remove(socket);
            }
        }

        private static Thread start(Runnable task) {
            Thread thread = new Thread(task, "echo");
            thread.setDaemon(true);
            thread.start();
            return thread;
        }

        @Override
        public void close() throws IOException {
            listener.close();
            // The kernel listens on until the thread has left accept(), and a connection made meanwhile would stay
            // open.
            boolean ended = UninterruptedWait.atMost(BOUND, nanos -> {
                TimeUnit.NANOSECONDS.timedJoin(acceptor, nanos);
                return !acceptor.isAlive();
            });
            assertThat(ended).as("the acceptor has ended").isTrue();
            List<Socket> left = new ArrayList<>(open);
            for (Socket socket : left) {
                socket.close();
            }
        }
    }
}
