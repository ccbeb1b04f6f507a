package io.distributedmutex.redis;

import io.lettuce.core.protocol.CommandType;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Finds the keys that are taken, with SCAN. */
final class KeySearch {

    private static final String OPERATION = "listing keys";
    private static final String START = "0";
    private static final int KEYS_AT_A_TIME = 500;

    private static final Pattern GLOB_CHARACTER = Pattern.compile("[\\\\*?\\[\\]^-]");

    private final Supplier<? extends List<? extends Sender>> servers;
    private final KeyPrefix prefix;

    /**
     * A search.
     *
     * @param servers that have locks, one or more
     * @param prefix of the locks
     */
    KeySearch(Supplier<? extends List<? extends Sender>> servers, KeyPrefix prefix) {
        this.servers = servers;
        this.prefix = prefix;
    }

    /**
     * Finds keys. The number of requests is bounded by the size of the database.
     *
     * @param globPattern for the keys without prefix
     * @param limit how many at most
     * @return the keys without prefix
     */
    CompletableFuture<List<String>> find(String globPattern, int limit) {
        if (limit < 1) {
            throw new IllegalArgumentException("limit must be at least 1, but is " + limit);
        }
        Search running = new Search(escape(prefix.text()) + globPattern, limit, servers.get());
        running.next(START);
        return running.result;
    }

    /** A text as a pattern that matches just this text. */
    static String escape(String text) {
        return GLOB_CHARACTER.matcher(text).replaceAll("\\\\$0");
    }

    private record Page(String cursor, List<?> keys) {

        static Page parse(List<@Nullable Object> reply) {
            if (reply.size() == 2 && reply.get(1) instanceof List<?> keys) {
                return new Page(new String(Replies.bytes(reply, 0), StandardCharsets.US_ASCII), keys);
            }
            throw new UnexpectedReplyException("a cursor and keys");
        }

        boolean isLast() {
            return cursor.equals(START);
        }
    }

    private final class Search {

        private final String pattern;
        private final int limit;
        private long pages;
        private String landmark = START;
        private final Iterator<? extends Sender> rest;
        private Sender commands;
        private final Set<String> found = new LinkedHashSet<>();
        private final CompletableFuture<List<String>> result = new CompletableFuture<>();

        Search(String pattern, int limit, List<? extends Sender> servers) {
            this.rest = servers.iterator();
            this.commands = rest.next();
            this.pattern = pattern;
            this.limit = limit;
        }

        @SuppressWarnings("FutureReturnValueIgnored") // The outcome goes into the result.
        void next(String cursor) {
            Request request = Request.command(
                    OPERATION,
                    CommandType.SCAN,
                    new Arguments()
                            .add(cursor)
                            .add("MATCH")
                            .add(pattern)
                            .add("TYPE")
                            .add("string")
                            .add("COUNT")
                            .add(KEYS_AT_A_TIME));
            commands.send(request, Page::parse).whenComplete((page, error) -> {
                if (error != null) {
                    result.completeExceptionally(error);
                } else {
                    add(page);
                }
            });
        }

        private void add(Page page) {
            for (Object key : page.keys()) {
                if (found.size() < limit && key instanceof byte[] bytes) {
                    addKey(bytes);
                }
            }
            if (page.isLast() && rest.hasNext() && found.size() < limit) {
                commands = rest.next();
                pages = 0;
                landmark = START;
                next(START);
            } else if (page.isLast() || found.size() >= limit) {
                result.complete(List.copyOf(new ArrayList<>(found)));
            } else if (page.cursor().equals(landmark)) {
                // A cursor of Redis only goes on. This is Brent's way to notice a circle, without remembering them all.
                UnexpectedReplyException circle = new UnexpectedReplyException("a cursor that was not there before");
                result.completeExceptionally(commands.errors()
                        .unexpected(circle, Request.command(OPERATION, CommandType.SCAN, new Arguments())));
            } else {
                pages++;
                if (Long.bitCount(pages) == 1) {
                    landmark = page.cursor();
                }
                next(page.cursor());
            }
        }

        private void addKey(byte[] bytes) {
            String redisKey;
            try {
                redisKey = StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes))
                        .toString();
            } catch (CharacterCodingException e) {
                return; // No lock of ours, whose keys are all well-formed.
            }
            String key = prefix.keyOf(redisKey);
            if (key != null) {
                found.add(key);
            }
        }
    }
}
