package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.distributedmutex.StoreUnreachableException;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisCommandInterruptedException;
import io.lettuce.core.RedisCommandTimeoutException;
import io.lettuce.core.RedisConnectionException;
import io.lettuce.core.RedisException;
import io.lettuce.core.RedisURI;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeoutException;
import javax.net.ssl.SSLException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class RedisErrorsTest {

    private static final Request REQUEST = Request.script(Script.ACQUIRE, "job:42", new Arguments());

    @Test
    void silenceIsToldFromARefusal() {
        assertThat(RedisErrors.isSilence(new RedisConnectionException("x", new TimeoutException())))
                .isTrue();
        assertThat(RedisErrors.isSilence(new CompletionException(new ClosedChannelException())))
                .isTrue();
        assertThat(RedisErrors.isSilence(
                        new RedisCommandTimeoutException("Connection initialization timed out after 2 second(s)")))
                .isTrue();
        assertThat(RedisErrors.isSilence(new ConnectException("connection timed out after 2000 ms: /192.0.2.1:6379")))
                .isTrue();
        assertThat(RedisErrors.isSilence(new ConnectException("Connection refused")))
                .isFalse();
        ClosedChannelException tlsEnded = new ClosedChannelException();
        tlsEnded.addSuppressed(new SSLException("Connection closed while SSL/TLS handshake was in progress"));
        assertThat(RedisErrors.isSilence(tlsEnded)).isFalse();
        assertThat(RedisErrors.isSilence(new RedisConnectionException("Connection closed prematurely")))
                .isFalse();
        assertThat(RedisErrors.isSilence(new UnknownHostException("no-such-host")))
                .isFalse();
    }

    private final RedisErrors errors = new RedisErrors(RedisURI.create("redis://example.com:6379"), 2000);

    /** What servers really say; recorded from 6.2.11 and 7.0.15. */
    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
            WRONG_TYPE; ERR Error running script (call to f_36caf1f19593d2b56cd3c8899da0abc77d412436): @user_script:86: WRONGTYPE Operation against a key holding the wrong kind of value
            WRONG_TYPE; WRONGTYPE Operation against a key holding the wrong kind of value script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:86.
            READ_ONLY; ERR Error running script (call to f_36caf1f19593d2b56cd3c8899da0abc77d412436): @user_script:100: @user_script: 100: -READONLY You can't write against a read only replica.
            READ_ONLY; READONLY You can't write against a read only replica. script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:100.
            READ_ONLY; READONLY You can't write against a read only replica.
            OUT_OF_MEMORY; ERR Error running script (call to f_36caf1f19593d2b56cd3c8899da0abc77d412436): @user_script:37: @user_script: 37: -OOM command not allowed when used memory > 'maxmemory'.
            OUT_OF_MEMORY; OOM command not allowed when used memory > 'maxmemory'. script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:37.
            BUSY; BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.
            BUSY; LOADING Redis is loading the dataset in memory
            BUSY; MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.
            BUSY; CLUSTERDOWN The cluster is down
            BUSY; TRYAGAIN Multiple keys request during rehashing of slot
            BUSY; UNKILLABLE Sorry the script already executed write commands against the dataset.
            BUSY; ERR Error running script (call to f_36caf1f19593d2b56cd3c8899da0abc77d412436): @user_script:100: @user_script: 100: -NOREPLICAS Not enough good replicas to write.
            BUSY; NOREPLICAS Not enough good replicas to write. script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:100.
            BUSY; ERR max number of clients reached
            PERMISSION; NOPERM this user has no permissions to run the 'evalsha' command or its subcommand
            PERMISSION; NOPERM this user has no permissions to access one of the keys used as arguments
            PERMISSION; ERR Error running script (call to f_36caf1f19593d2b56cd3c8899da0abc77d412436): @user_script:37: @user_script: 37: The user executing the script can't run this command or subcommand
            PERMISSION; ERR The user executing the script can't publish to the channel mentioned in the command script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:62.
            PERMISSION; ERR ACL failure in script: User bob has no permissions to run the 'set' command script: 36caf1f19593d2b56cd3c8899da0abc77d412436, on @user_script:37.
            AUTHENTICATION; WRONGPASS invalid username-password pair or user is disabled.
            AUTHENTICATION; NOAUTH Authentication required.
            AUTHENTICATION; NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time
            AUTHENTICATION; ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?
            OTHER; MOVED 3999 127.0.0.1:6381
            OTHER; ERR unknown command 'EVALSHA'
            BUSY; MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.
            OTHER; some nonsense
            """)
    void whatTheServerSaysHasItsReason(Reason reason, String said) {
        StoreException mapped = errors.of(new RedisCommandExecutionException(said), REQUEST, true);

        assertThat(mapped)
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(reason));
        assertThat(mapped).hasMessageStartingWith("Redis at example.com:6379 refused acquire of 'job:42': ");
        assertThat(mapped).hasMessageMatching(".* \\(.{10,}\\)");
    }

    @ParameterizedTest
    @CsvSource(delimiter = ';', textBlock = """
            no such command: renamed; ERR unknown command 'EVALSHA'
            no such command: renamed; ERR unknown command `EVALSHA`, with args beginning with: `x`,
            no such command: renamed; ERR Error running script (call to f_36c): @user_script:12: @user_script: 12: Unknown Redis command called from Lua script
            no such command: renamed; ERR Unknown Redis command called from script script: 36c, on @user_script:37.
            than its min-replicas-to-write; NOREPLICAS Not enough good replicas to write.
            than its min-replicas-to-write; ERR Error running script (call to f_36c): @user_script:100: @user_script: 100: -NOREPLICAS Not enough good replicas to write.
            it passes when the data is loaded; LOADING Redis is loading the dataset in memory
            """)
    void theAdviceIsWhatHelps(String advice, String said) {
        assertThat(errors.of(new RedisCommandExecutionException(said), REQUEST, true))
                .hasMessageContaining(advice);
    }

    @Test
    void aKeyAndWhatTheServerSaysStayOnOneLineAndDoNothingToATerminal() {
        Request odd = Request.script(Script.ACQUIRE, "a\nb\u2028\u009b2J", new Arguments());

        assertThat(errors.of(new RedisCommandExecutionException("WRONGTYPE x\n\u009b2Jy"), odd, true))
                .hasMessageStartingWith("Redis at example.com:6379 refused acquire of 'a\\u000Ab\\u2028\\u009B2J':"
                        + " WRONGTYPE x 2Jy (the key 'a\\u000Ab\\u2028\\u009B2J' or one");
    }

    @Test
    void aReasonIsFoundBelowWhatLettucePutsAroundIt() {
        Throwable error = new CompletionException(new RedisConnectionException(
                "Unable to connect to localhost:6379",
                new RedisCommandExecutionException("WRONGPASS invalid username-password pair or user is disabled.")));

        assertThat(errors.connecting(error))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(Reason.AUTHENTICATION));
    }

    @Test
    void protectedModeIsAMatterOfPermission() {
        Throwable error = new RedisConnectionException("DENIED Redis is running in protected mode because...");

        assertThat(errors.connecting(error))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(Reason.PERMISSION));
    }

    /** What Lettuce reports where the connection's time-out ends it before the server was asked. */
    @Test
    void aConnectionThatWasClosedIsSaidInWords() {
        assertThat(errors.connecting(new RedisException(new ClosedChannelException())))
                .hasMessageContaining("the connection was closed before an answer came");
    }

    static List<Throwable> connectionTroubles() {
        return List.of(
                new RedisConnectionException("Unable to connect", new ConnectException("Connection refused")),
                new RedisException("Currently not connected. Commands are rejected."),
                new RedisException("Connection disconnected"),
                new RedisException(new ClosedChannelException()),
                new RedisCommandTimeoutException("Command timed out"),
                new RedisCommandInterruptedException(new InterruptedException()),
                new IOException("Connection reset by peer"),
                new CancellationException(),
                new ExecutionException(new IOException("Broken pipe")));
    }

    @ParameterizedTest
    @MethodSource("connectionTroubles")
    void connectionTroublesAreUnreachability(Throwable trouble) {
        assertThat(errors.of(trouble, REQUEST, true))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("example.com:6379")
                .hasMessageContaining("was lost during acquire of 'job:42'");
        assertThat(errors.connecting(trouble))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("could not connect to Redis at example.com:6379");
    }

    @Test
    void whatInterruptsOrOutlastsConnectingIsUnreachability() {
        assertThat(errors.connecting(new TimeoutException()))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessageContaining("no answer in time");
        assertThat(errors.connecting(new InterruptedException())).isInstanceOf(StoreUnreachableException.class);
    }

    @Test
    void anythingElseIsOther() {
        assertThat(errors.of(new IllegalStateException("boom"), REQUEST, true))
                .isInstanceOfSatisfying(
                        StoreRefusedException.class,
                        refused -> assertThat(refused.reason()).isEqualTo(Reason.OTHER))
                .hasMessageContaining("boom");
    }

    @Test
    void aPasswordThatTheServerRepeatsIsCutOff() {
        // A server without AUTH, such as one where it was renamed.
        Throwable error = new RedisConnectionException(
                "Unable to connect",
                new RedisCommandExecutionException(
                        "ERR unknown command 'AUTH', with args beginning with: 's3cret' 'x'"));

        StringWriter everything = new StringWriter();
        errors.connecting(error).printStackTrace(new PrintWriter(everything, true));

        assertThat(everything.toString()).doesNotContain("s3cret").contains("unknown command 'AUTH'");
    }

    static List<StoreException> failuresWithWhatAServerSaid() {
        RedisErrors errors = new RedisErrors(RedisURI.create("redis://example.com:6379"), 2000);
        String odd = "x\u001b[2J\u2028y\nz\u202e" + "w".repeat(1000);
        Throwable said = new CompletionException(new RedisConnectionException(
                "could not: " + odd, new RedisCommandExecutionException("WRONGPASS " + odd)));
        Throwable circle = new IOException(odd);
        circle.initCause(new IOException(odd, circle));
        return List.of(
                errors.of(new RedisCommandExecutionException("ERR " + odd), REQUEST, true),
                errors.of(said, REQUEST, true),
                errors.connecting(said),
                errors.notConnected(REQUEST, said),
                errors.notConnected(REQUEST, new ConnectException(odd)),
                errors.connecting(new ConnectException(odd)),
                errors.lost(REQUEST, circle),
                errors.of(new IllegalStateException(odd), REQUEST, true),
                errors.of(new IllegalStateException(odd), REQUEST, false),
                errors.unexpected(new UnexpectedReplyException(odd), REQUEST));
    }

    @ParameterizedTest
    @MethodSource("failuresWithWhatAServerSaid")
    void whatTheServerSaysStaysOnItsLineInEveryCause(StoreException failure) {
        StringBuilder everything = new StringBuilder();
        for (Throwable each = failure; each != null; each = each.getCause()) {
            everything.append(each.getMessage());
            assertThat(String.valueOf(each.getMessage()))
                    .doesNotContainPattern("[\\p{Cc}\\u2028\\u2029\\u202E]")
                    .hasSizeLessThan(700);
        }
        assertThat(everything).contains("x [2J y z");
    }

    @Test
    @Timeout(value = 20, threadMode = ThreadMode.SEPARATE_THREAD)
    void aCircleOfCausesIsToldOf() {
        CompletionException circle = new CompletionException("first") {};
        circle.initCause(new ExecutionException("second", circle));

        assertThat(errors.connecting(circle)).hasMessageContaining("could not connect to");
        assertThat(errors.of(circle, REQUEST, false)).hasMessageContaining("could not be sent");
    }

    @Test
    void aCauseThatIsFitToBeLoggedIsKept() {
        Throwable fit = new IOException("Broken pipe");

        assertThat(errors.of(fit, REQUEST, true)).hasCause(fit);
    }

    @Test
    void whatWasNotSentIsSaidToBeSo() {
        assertThat(errors.of(new IllegalStateException("boom"), REQUEST, false).isSurelyNotSent())
                .isTrue();
        assertThat(errors.timedOut(REQUEST, false).isSurelyNotSent()).isTrue();
        assertThat(errors.closed(REQUEST, false).isSurelyNotSent()).isTrue();
        assertThat(errors.notConnected(REQUEST, null).isSurelyNotSent()).isTrue();
        assertThat(errors.tooMany(REQUEST, 7).isSurelyNotSent()).isTrue();

        assertThat(errors.of(new OutOfMemoryError("boom"), REQUEST, true).isSurelyNotSent())
                .isFalse();
        assertThat(errors.timedOut(REQUEST, true).isSurelyNotSent()).isFalse();
        assertThat(errors.closed(REQUEST, true).isSurelyNotSent()).isFalse();
        assertThat(errors.lost(REQUEST, null).isSurelyNotSent()).isFalse();
    }

    @Test
    void whyTheConnectionIsRefusedIsTold() {
        Throwable refusal = new RedisConnectionException(
                "Unable to connect",
                new RedisCommandExecutionException("WRONGPASS invalid username-password pair or user is disabled."));

        assertThat(errors.notConnected(REQUEST, refusal))
                .isInstanceOfSatisfying(StoreRefusedException.class, refused -> {
                    assertThat(refused.reason()).isEqualTo(Reason.AUTHENTICATION);
                    assertThat(refused.isSurelyNotSent()).isTrue();
                })
                .hasMessage(
                        "not connected to Redis at example.com:6379, so acquire of 'job:42' was not sent; it refuses"
                                + " the connection: WRONGPASS invalid username-password pair or user is disabled. (check the user"
                                + " name and password)");
        assertThat(errors.notConnected(REQUEST, new ConnectException("Connection refused")))
                .isInstanceOf(StoreUnreachableException.class)
                .hasMessage("not connected to Redis at example.com:6379, so acquire of 'job:42' was not sent;"
                        + " reconnecting, last attempt: ConnectException: Connection refused");
    }

    @Test
    void whatTheServerSaysIsOneLineOfBoundedLength() {
        String message = errors.of(
                        new RedisCommandExecutionException("ERR a\r\nb\u0000" + "x".repeat(1000)), REQUEST, true)
                .getMessage();

        assertThat(message)
                .doesNotContain("\r", "\n", "\u0000")
                .contains("ERR a b")
                .hasSizeLessThan(500);
    }

    @Test
    void aServerWithoutAGivenNameIsCalledByItsAddress() {
        RedisErrors unnamed = new RedisErrors(null, 2000);
        assertThat(unnamed.server()).isEqualTo("Redis");

        unnamed.connectedTo(InetSocketAddress.createUnresolved("example.org", 6380));
        assertThat(unnamed.server()).isEqualTo("Redis at example.org:6380");

        errors.connectedTo(InetSocketAddress.createUnresolved("example.org", 6380));
        assertThat(errors.server()).isEqualTo("Redis at example.com:6379");
    }

    @ParameterizedTest
    @CsvSource({"150, 150 ms", "999, 999 ms", "1500, 1.5 s", "2000, 2 s", "60000, 60 s"})
    void aCommandTimeoutIsSaidAsPeopleSayIt(long millis, String said) {
        assertThat(new RedisErrors(RedisURI.create("redis://example.com:6379"), millis).timedOut(REQUEST, true))
                .hasMessageEndingWith("did not answer acquire of 'job:42' within the command time-out of " + said
                        + "; it may have taken effect");
    }
}
