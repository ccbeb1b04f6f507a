package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
import io.lettuce.core.RedisCommandExecutionException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class RepliesTest {

    private static final String OURS = "AZaz09-_AAAAAAAAAAAAAA|7|host:42";

    @Test
    void readsAGrant() {
        assertThat(Replies.acquire(reply(text("1795426252920462"))))
                .isEqualTo(new AcquireReply.Granted(1795426252920462L, 1, null));
        assertThat(Replies.acquire(reply(1L, text("1795426252920462"), 64L, 0L)))
                .isEqualTo(new AcquireReply.Granted(1795426252920462L, 64, null));
        assertThat(Replies.acquire(reply(1L, text("1"), 1L, 3L)))
                .isEqualTo(new AcquireReply.Granted(1, 1, Ownership.GONE));
    }

    @Test
    void readsARefusal() {
        assertThat(Replies.acquire(reply(0L, 1500L, text(OURS), 0L, text("9"))))
                .isEqualTo(new AcquireReply.Refused(1500, "host:42", "AZaz09-_AAAAAAAAAAAAAA", 9, null));
        assertThat(Replies.acquire(reply(0L, -1L, text("foreign"), 1L, text("0"))))
                .isEqualTo(new AcquireReply.Refused(-1, null, null, 0, Ownership.HELD));
    }

    @Test
    void aKeyThatIsGoneHasNoTimeLeft() {
        assertThat(Replies.acquire(reply(0L, -2L, text(OURS), 0L, text("9"))))
                .isEqualTo(new AcquireReply.Refused(0, "host:42", "AZaz09-_AAAAAAAAAAAAAA", 9, null));
    }

    @Test
    void readsOwnership() {
        assertThat(Replies.ownership(reply(1L))).isEqualTo(Ownership.HELD);
        assertThat(Replies.ownership(reply(2L))).isEqualTo(Ownership.TAKEN);
        assertThat(Replies.ownership(reply(3L))).isEqualTo(Ownership.GONE);
        assertThat(Replies.ownership(reply(4L))).isEqualTo(Ownership.STORE_LOST);
    }

    @Test
    void readsLockInfo() {
        assertThat(Replies.lockInfo("k", reply((Object) null))).isEmpty();
        assertThat(Replies.lockInfo("k", reply(text(OURS), 1500L, 2L)))
                .contains(new LockInfo(
                        "k", Optional.of("host:42"), OptionalLong.of(7), Optional.of(Duration.ofMillis(1500)), 2));
        assertThat(Replies.lockInfo("k", reply(text("foreign"), -1L, 0L)))
                .contains(new LockInfo("k", Optional.empty(), OptionalLong.empty(), Optional.empty(), 0));
        assertThat(Replies.lockInfo("k", reply(text("foreign"), -2L, 0L)))
                .contains(new LockInfo("k", Optional.empty(), OptionalLong.empty(), Optional.of(Duration.ZERO), 0));
    }

    private static final String TAKER = "AZaz09-_AAAAAAAAAAAAAA";

    @Test
    void nativeCommandsThatTookAKeyForWhichNobodyQueuesAreAGrant() {
        AcquireReply.Granted granted = new AcquireReply.Granted(1795426252920007L, 1, null);
        assertThat(Replies.taken(reply(text("OK"), text("1795426252920-7"), 0L, text(TAKER + "||label")), TAKER))
                .isEqualTo(new FastPath.Taken(true, granted, null));
        // Somebody has queued since.
        assertThat(Replies.taken(reply(text("OK"), text("1795426252920-7"), 1L, text(TAKER + "!|label")), TAKER))
                .isEqualTo(new FastPath.Taken(true, granted, null));
    }

    static List<List<Object>> doubtful() {
        Object ok = text("OK");
        Object id = text("1795426252920-7");
        Object mine = text(TAKER + "||label");
        return List.of(
                reply(ok, id, 1L, mine),
                reply(ok, id, 0L, null),
                reply(ok, id, 0L, text("other")),
                reply(ok, id, 0L, text(TAKER + "|7|label")),
                reply(ok, id, 0L, text("BZaz09-_AAAAAAAAAAAAAA||label")),
                reply(ok, id, null, mine),
                reply(ok, id, text("0"), mine),
                reply(ok, null, 0L, mine),
                reply(ok, 7L, 0L, mine),
                reply(ok, text(""), 0L, mine),
                reply(ok, text("1795426252920"), 0L, mine),
                reply(ok, text("1795426252920-"), 0L, mine),
                reply(ok, text("1795426252920-1000"), 0L, mine),
                reply(ok, text("1795426252920-x"), 0L, mine),
                reply(ok, text("x795426252920-7"), 0L, mine),
                reply(ok, text("9007199254740-0"), 0L, mine),
                reply(ok, text("17954262529200-7"), 0L, mine),
                reply(ok, new Part.ServerError("WRONGTYPE no stream"), 0L, mine),
                reply(ok, id, new Part.ServerError("ERR"), mine),
                reply(ok, id, 0L, new Part.ServerError("ERR")));
    }

    @ParameterizedTest
    @MethodSource("doubtful")
    void nativeCommandsThatTookAKeyOtherwiseAreNoGrantYet(List<Object> reply) {
        assertThat(Replies.taken(reply, TAKER)).isEqualTo(new FastPath.Taken(true, null, null));
    }

    @Test
    void whatNativeCommandsAreRefusedWith() {
        Object id = text("1795426252920-7");
        assertThat(Replies.taken(reply(null, id, 1L, text("other")), TAKER))
                .isEqualTo(new FastPath.Taken(false, null, null));
        assertThatExceptionOfType(RedisCommandExecutionException.class)
                .isThrownBy(() ->
                        Replies.taken(reply(new Part.ServerError("OOM"), new Part.ServerError("OOM"), 0L, null), TAKER))
                .withMessage("OOM");
        assertThatExceptionOfType(RedisCommandExecutionException.class)
                .isThrownBy(() -> Replies.taken(reply(null, id, 0L, new Part.ServerError("WRONGTYPE")), TAKER))
                .withMessage("WRONGTYPE");
        // A command that this user or server lacks.
        assertThat(Replies.taken(reply(text("OK"), new Part.ServerError("NOPERM x"), 0L, null), TAKER))
                .isEqualTo(new FastPath.Taken(true, null, "NOPERM x"));
        assertThat(Replies.taken(reply(new Part.ServerError("ERR unknown command 'SET'"), id, 0L, text("x")), TAKER))
                .isEqualTo(new FastPath.Taken(false, null, "ERR unknown command 'SET'"));
        assertThatExceptionOfType(UnexpectedReplyException.class)
                .isThrownBy(() -> Replies.taken(reply(text("OK"), id, 0L), TAKER));
    }

    static List<List<Object>> wrongShapes() {
        return List.of(
                reply(),
                reply((Object) null),
                reply(text("OK")),
                reply(text("")),
                reply(text("0")),
                reply(text("-7")),
                reply(text("9007199254740992")),
                reply(0L),
                reply(5L),
                reply(-1L),
                reply(1L, 2L),
                reply(1L, 2L, 3L),
                reply(1L, 1795426252920462L, 64L, 0L),
                reply(1L, text("x"), 64L, 0L),
                reply(1L, text("-7"), 64L, 0L),
                reply(1L, text("0"), 64L, 0L),
                reply(1L, text("9223372036854775808"), 64L, 0L),
                reply(1L, text("9007199254740992"), 64L, 0L),
                reply(0L, 1500L, text(OURS), 0L, text("9007199254740992")),
                reply(text(OURS), 1500L, -1L),
                reply(1L, text("7"), 0L, 0L),
                reply(1L, text("7"), -1L, 0L),
                reply(1L, text("7"), Long.MAX_VALUE, 0L),
                reply(1L, text("7"), 64L, 5L),
                reply(1L, text("7"), 64L, null),
                reply(1L, text("7"), 64L, 0L, text("9")),
                reply(2L, text("7"), 64L, 0L),
                reply(0L, 1500L, text(OURS), 0L),
                reply(0L, 1500L, null, 0L, text("9")),
                reply(0L, text("1500"), text(OURS), 0L, text("9")),
                reply(0L, 1500L, text(OURS), 0L, 9L),
                reply(0L, 1500L, text(OURS), 0L, null),
                reply(null, null, null, null, null),
                reply(List.of(1L), text("7"), 64L, 0L),
                reply(1L, text("7"), 64L, 0L, 0L, 0L));
    }

    @ParameterizedTest
    @MethodSource("wrongShapes")
    void aReplyOfAnyOtherShapeIsSaidToBeUnexpected(List<Object> reply) {
        assertThatExceptionOfType(UnexpectedReplyException.class).isThrownBy(() -> Replies.acquire(reply));
        assertThatExceptionOfType(UnexpectedReplyException.class).isThrownBy(() -> Replies.ownership(reply));
        if (!(reply.size() == 1 && reply.get(0) == null)) {
            assertThatExceptionOfType(UnexpectedReplyException.class).isThrownBy(() -> Replies.lockInfo("k", reply));
        }
    }

    private static List<Object> reply(Object... elements) {
        return Arrays.asList(elements);
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }
}
