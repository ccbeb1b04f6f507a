package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.Ownership;
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
