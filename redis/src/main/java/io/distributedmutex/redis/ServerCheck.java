package io.distributedmutex.redis;

import io.distributedmutex.StoreException;
import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.lettuce.core.api.async.RedisAsyncCommands;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Checks a server before it is used: it must be new enough, and a whole Redis, not a part of a cluster. */
final class ServerCheck {

    private static final Logger log = LoggerFactory.getLogger(RedisLockStore.class);

    /** The oldest server that is supported, and that the tests run against. */
    private static final int OLDEST_MAJOR = 6;

    private static final int OLDEST_MINOR = 2;

    /** Valkey calls it server_mode. */
    private static final Pattern MODE = Pattern.compile("(?m)^(?:redis|server)_mode:(\\w+)");

    /**
     * How many slots are asked for, evenly spread. As the slots of a shard are few and long ranges, a cluster of no more
     * shards than this is noticed.
     */
    private static final int SLOTS_ASKED_FOR = 64;

    private static final int SLOTS = 16_384;

    private static final Pattern ELSEWHERE = Pattern.compile("(?:MOVED|ASK) (\\d{1,5}) (\\S{1,100})");

    private final RedisAsyncCommands<byte[], byte[]> redis;
    private final RedisErrors errors;
    private final Duration limit;

    private ServerCheck(RedisAsyncCommands<byte[], byte[]> redis, RedisErrors errors, Duration limit) {
        this.redis = redis;
        this.errors = errors;
        this.limit = limit;
    }

    /**
     * Looks at a server.
     *
     * @param redis where to ask
     * @param errors says what is wrong
     * @param limit how long each step may take
     * @throws StoreException if the server cannot be used, or cannot be asked
     */
    static void check(RedisAsyncCommands<byte[], byte[]> redis, RedisErrors errors, Duration limit) {
        new ServerCheck(redis, errors, limit).check();
    }

    /**
     * Looks at one of the nodes of a cluster, whose slots are known.
     *
     * @param redis where to ask
     * @param errors says what is wrong
     * @param limit how long each step may take
     * @throws StoreException if the node cannot be used, or cannot be asked
     */
    static void checkNode(RedisAsyncCommands<byte[], byte[]> redis, RedisErrors errors, Duration limit) {
        ServerCheck check = new ServerCheck(redis, errors, limit);
        check.checkVersion(check.info());
    }

    /** What a server does not say of itself is not held against it. */
    private void check() {
        String info = info();
        checkVersion(info);
        Matcher mode = MODE.matcher(info);
        switch (mode.find() ? mode.group(1) : "unknown") {
            case "standalone" -> {}
            case "sentinel" -> throw errors.sentinel();
            default -> checkSlots();
        }
    }

    private void checkVersion(String info) {
        @Nullable ServerVersion version = ServerVersion.parse(info);
        if (version == null) {
            log.debug("{} does not tell its version", errors.server());
        } else if (version.isOlderThan(OLDEST_MAJOR, OLDEST_MINOR)) {
            throw errors.tooOld(version.text(), OLDEST_MAJOR + "." + OLDEST_MINOR);
        }
    }

    private String info() {
        try {
            return Connections.awaitWithin(redis.info("server"), errors, limit);
        } catch (StoreRefusedException e) {
            if (e.reason() != Reason.PERMISSION && e.reason() != Reason.OTHER) {
                throw e;
            }
            log.debug("{} does not say what it is", errors.server(), e);
            return "";
        }
    }

    /** A cluster of one shard serves as well as a server alone. Asked for are fence counters, which every user may see. */
    private void checkSlots() {
        List<CompletableFuture<String>> answers = new ArrayList<>();
        for (int slot = 0; slot < SLOTS; slot += SLOTS / SLOTS_ASKED_FOR) {
            answers.add(RedisErrors.saidBy(redis.exists(LockKeys.fenceOf(slot))));
        }
        for (CompletableFuture<String> answer : answers) {
            Matcher elsewhere = ELSEWHERE.matcher(Connections.awaitWithin(answer, errors, limit));
            if (elsewhere.lookingAt()) {
                throw errors.partOfACluster(elsewhere.group(1), elsewhere.group(2));
            }
        }
    }
}
