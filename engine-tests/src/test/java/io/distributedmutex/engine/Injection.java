package io.distributedmutex.engine;

import io.distributedmutex.LockInfo;
import io.distributedmutex.spi.AcquireReply;
import io.distributedmutex.spi.AcquireRequest;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import io.distributedmutex.spi.Ownership;
import io.distributedmutex.spi.StoreEvents;
import io.distributedmutex.spi.Timer;
import io.distributedmutex.testkit.ManualTime;
import java.lang.reflect.Proxy;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.function.BiConsumer;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Counts the moments at which a collaborator of an instance may throw an Error, and throws at one of them, or from one on. Everything
 * happens on one thread, so that the same number is the same moment in each run.
 */
final class Injection {

    /** More looks at the clock are an endless loop. */
    private static final int MOST_LOOKS = 100_000;

    /** Throws once at a time only: without a clock an instance can do nothing. */
    private static final String CLOCK = "Environment.nanoTime";

    /** Which moment throws, from 1 on. */
    private final int chosen;

    private final boolean lasting;
    private int moments;
    private int looks;
    private @Nullable String place;
    private String callers = "";
    private boolean armed;

    /**
     * An injection.
     *
     * @param chosen the number of the moment
     * @param lasting whether all that comes later at the same place throws too, until it is disarmed
     */
    Injection(int chosen, boolean lasting) {
        this.chosen = chosen;
        this.lasting = lasting;
    }

    /** Counts from now on. */
    void arm() {
        armed = true;
    }

    /** Counts no more. */
    void disarm() {
        armed = false;
    }

    /** Where the Error was thrown; null if it was not. */
    @Nullable
    String place() {
        return place;
    }

    /** Who in the engine made the call that threw, and who called that. */
    String callers() {
        return callers;
    }

    /** A moment: throws if it is the chosen one. */
    void at(String where) {
        if (isChosen(where)) {
            throw error();
        }
    }

    private boolean isChosen(String where) {
        if (!armed) {
            return false;
        }
        moments++;
        if (moments != chosen) {
            return lasting && where.equals(place) && !where.equals(CLOCK);
        }
        place = where;
        callers = StackWalker.getInstance()
                .walk(frames -> frames.filter(frame -> frame.getClassName().startsWith("io.distributedmutex.internal."))
                        .limit(4)
                        .map(frame -> frame.getClassName().replaceFirst(".*\\.", "") + "." + frame.getMethodName() + ":"
                                + frame.getLineNumber())
                        .collect(Collectors.joining(" < ")));
        return true;
    }

    private Error error() {
        return chosen % 2 == 0
                ? new StackOverflowError("made by the test")
                : new OutOfMemoryError("unable to create native thread (made by the test)");
    }

    /** A listener, observer or callback of the user's whose every call is such a moment, before and after what it does. */
    @SuppressWarnings("unchecked")
    <T> T around(Class<T> type, T inner) {
        return (T) Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, (proxy, method, arguments) -> {
            String where = type.getSimpleName() + "." + method.getName();
            at(where);
            Object result = method.invoke(inner, arguments);
            at(where + ", done");
            return result;
        });
    }

    /** The environment of an instance whose blocking calls are made by the test's own thread: to park is to move the clock. */
    Environment around(Environment inner, ManualTime time) {
        return new Environment() {
            @Override
            public long nanoTime() {
                if (++looks > MOST_LOOKS) {
                    throw new IllegalStateException("an endless loop");
                }
                at(CLOCK);
                return inner.nanoTime();
            }

            @Override
            public void schedule(Timer timer, long atNanos) {
                at("Environment.schedule");
                inner.schedule(timer, atNanos);
                at("Environment.schedule, done");
            }

            @Override
            public void cancel(Timer timer) {
                at("Environment.cancel");
                inner.cancel(timer);
                at("Environment.cancel, done");
            }

            @Override
            public void execute(Runnable callback) {
                at("Environment.execute");
                inner.execute(callback);
                at("Environment.execute, done");
            }

            @Override
            public void park(Object blocker, long nanos) {
                at("Environment.park");
                if (nanos == Long.MAX_VALUE && time.pendingTimers() == 0 && time.runDue() == 0) {
                    throw new IllegalStateException("nobody would ever wake it");
                }
                time.park(blocker, nanos);
                at("Environment.park, done");
            }

            @Override
            public void randomBytes(byte[] target) {
                at("Environment.randomBytes");
                inner.randomBytes(target);
                at("Environment.randomBytes, done");
            }

            @Override
            public void close() {
                at("Environment.close");
                inner.close();
                at("Environment.close, done");
            }
        };
    }

    /** A store that throws before or after it does what it is asked, answers with an Error, or refuses to be listened to. */
    LockStore around(LockStore inner) {
        return new LockStore() {
            @Override
            public void start(String label, String instance, StoreEvents events) {
                inner.start(label, instance, events);
            }

            @Override
            public CompletionStage<AcquireReply> acquire(AcquireRequest request) {
                return asked("acquire", () -> inner.acquire(request));
            }

            @Override
            public CompletionStage<Ownership> release(String key, String token, long keepMillis) {
                return asked("release", () -> inner.release(key, token, keepMillis));
            }

            @Override
            public CompletionStage<Ownership> cancel(String key, String token) {
                return asked("cancel", () -> inner.cancel(key, token));
            }

            @Override
            public CompletionStage<Ownership> renew(String key, String token, long leaseMillis) {
                return asked("renew", () -> inner.renew(key, token, leaseMillis));
            }

            @Override
            public CompletionStage<Optional<LockInfo>> inspect(String key) {
                return asked("inspect", () -> inner.inspect(key));
            }

            @Override
            public CompletionStage<Optional<LockInfo>> forceRelease(String key) {
                return asked("forceRelease", () -> inner.forceRelease(key));
            }

            @Override
            public CompletionStage<Boolean> send(String instance, String message) {
                return asked("send", () -> inner.send(instance, message));
            }

            @Override
            public void close() {
                at("LockStore.close");
                inner.close();
                at("LockStore.close, done");
            }
        };
    }

    private <T> CompletionStage<T> asked(String operation, Supplier<CompletionStage<T>> request) {
        String where = "LockStore." + operation;
        at(where);
        if (isChosen(where + ", answers with an Error and does nothing")) {
            return CompletableFuture.failedStage(error());
        }
        if (isChosen(where + ", answers with null and does nothing")) {
            return CompletableFuture.completedStage(null);
        }
        CompletionStage<T> answered = request.get();
        at(where + ", done");
        if (isChosen(where + ", done, answers with an Error")) {
            return CompletableFuture.failedStage(error());
        }
        Listened<T> listened = new Listened<>(where);
        CompletionStage<T> unused = answered.whenComplete((reply, error) -> {
            if (error != null) {
                listened.completeExceptionally(error);
            } else {
                listened.complete(reply);
            }
        });
        return listened;
    }

    /** An answer that cannot be listened to at the chosen moment. */
    private final class Listened<T> extends CompletableFuture<T> {
        private final String where;

        Listened(String where) {
            this.where = where;
        }

        @Override
        public CompletableFuture<T> whenComplete(BiConsumer<? super T, ? super Throwable> action) {
            at(where + ", done, its stage cannot be listened to");
            CompletableFuture<T> result = super.whenComplete(action);
            at(where + ", done, its stage is listened to");
            return result;
        }
    }
}
