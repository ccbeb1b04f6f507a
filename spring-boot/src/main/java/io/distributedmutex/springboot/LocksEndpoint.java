package io.distributedmutex.springboot;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LockInfo;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StoreException;
import io.distributedmutex.spi.Messages;
import java.security.Principal;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.actuate.endpoint.Access;
import org.springframework.boot.actuate.endpoint.InvalidEndpointRequestException;
import org.springframework.boot.actuate.endpoint.OperationResponseBody;
import org.springframework.boot.actuate.endpoint.SecurityContext;
import org.springframework.boot.actuate.endpoint.annotation.DeleteOperation;
import org.springframework.boot.actuate.endpoint.annotation.Endpoint;
import org.springframework.boot.actuate.endpoint.annotation.ReadOperation;
import org.springframework.boot.actuate.endpoint.annotation.Selector;
import org.springframework.boot.actuate.endpoint.annotation.Selector.Match;
import org.springframework.boot.actuate.endpoint.web.WebEndpointResponse;

/**
 * What this instance holds and waits for, who holds one key, and its release by force. The last is a write: it needs {@code
 * management.endpoint.locks.access=unrestricted}.
 */
@Endpoint(id = "locks", defaultAccess = Access.READ_ONLY)
final class LocksEndpoint {

    private static final Logger log = LoggerFactory.getLogger(LocksEndpoint.class);

    private final DistributedMutex mutex;

    LocksEndpoint(DistributedMutex mutex) {
        this.mutex = mutex;
    }

    @ReadOperation
    Locks locks() {
        return Locks.of(mutex.status());
    }

    /**
     * One key, whoever holds it.
     *
     * @param key the key, in parts if it has slashes
     */
    @ReadOperation
    WebEndpointResponse<OperationResponseBody> lock(@Selector(match = Match.ALL_REMAINING) String... key) {
        return answer(key, mutex::inspect);
    }

    /**
     * Takes a key from its holder.
     *
     * @param security who asks
     * @param key the key, in parts if it has slashes
     * @return what it was
     */
    @DeleteOperation
    WebEndpointResponse<OperationResponseBody> release(
            SecurityContext security, @Selector(match = Match.ALL_REMAINING) String... key) {
        Principal principal = security.getPrincipal();
        String name =
                principal == null ? "somebody who did not log in" : "'" + Messages.shown(principal.getName()) + "'";
        log.warn("{} releases '{}' by force", name, Messages.shown(joined(key)));
        return answer(key, mutex::forceRelease);
    }

    private interface Question {
        Optional<LockInfo> of(String key);
    }

    private static WebEndpointResponse<OperationResponseBody> answer(String[] parts, Question question) {
        String key = joined(parts);
        try {
            return new WebEndpointResponse<>(Lock.of(key, question.of(key)));
        } catch (IllegalArgumentException e) {
            throw new InvalidEndpointRequestException(
                    String.valueOf(e.getMessage()), String.valueOf(e.getMessage()), e);
        } catch (StoreException e) {
            return new WebEndpointResponse<>(
                    new Failure(String.valueOf(e.getMessage())), WebEndpointResponse.STATUS_SERVICE_UNAVAILABLE);
        }
    }

    private static String joined(String[] parts) {
        return String.join("/", parts);
    }

    private static @Nullable Long millis(Optional<Duration> time) {
        return time.map(Duration::toMillis).orElse(null);
    }

    /**
     * What this instance holds and waits for.
     *
     * @param holder the name of this instance
     * @param held its leases
     * @param waiting its waiters, those of one key in the order of their arrival
     */
    record Locks(String holder, List<Held> held, List<Waiting> waiting) implements OperationResponseBody {

        static Locks of(MutexStatus status) {
            return new Locks(
                    status.holderLabel(),
                    status.held().stream().map(Held::of).toList(),
                    status.waiting().stream().map(Waiting::of).toList());
        }
    }

    record Held(
            String key,
            long fencingToken,
            String state,
            long heldMillis,
            long remainingMillis,
            @Nullable String thread) {

        static Held of(MutexStatus.Held held) {
            return new Held(
                    held.key(),
                    held.fencingToken(),
                    held.state().name(),
                    held.heldFor().toMillis(),
                    held.remaining().toMillis(),
                    held.thread().orElse(null));
        }
    }

    record Waiting(
            String key,
            long waitedMillis,
            @Nullable Long leftMillis,
            @Nullable String thread) {

        static Waiting of(MutexStatus.Waiting waiting) {
            return new Waiting(
                    waiting.key(),
                    waiting.waited().toMillis(),
                    millis(waiting.left()),
                    waiting.thread().orElse(null));
        }
    }

    /** One key, in the words of {@code dmutex inspect --json}. */
    record Lock(
            String key,
            boolean held,
            @Nullable String holder,
            @Nullable Long fencingToken,
            @Nullable Long remainingMillis,
            int waiters)
            implements OperationResponseBody {

        static Lock of(String key, Optional<LockInfo> info) {
            return info.map(lock -> new Lock(
                            key,
                            true,
                            lock.holder().orElse(null),
                            lock.fencingToken().isPresent()
                                    ? lock.fencingToken().getAsLong()
                                    : null,
                            millis(lock.remaining()),
                            lock.waiters()))
                    .orElseGet(() -> new Lock(key, false, null, null, null, 0));
        }
    }

    /** Redis did not answer, or said no. */
    record Failure(String error) implements OperationResponseBody {}
}
