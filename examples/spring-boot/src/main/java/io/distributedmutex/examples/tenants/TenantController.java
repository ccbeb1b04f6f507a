package io.distributedmutex.examples.tenants;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.LockNotAcquiredException;
import io.distributedmutex.MutexStatus;
import io.distributedmutex.StaleTokenException;
import io.distributedmutex.StoreException;
import java.time.Duration;
import java.util.List;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.CrossOrigin;
import org.springframework.web.bind.annotation.ExceptionHandler;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** What the page asks. */
@RestController
@CrossOrigin // The page of one instance shows the other one, too.
class TenantController {

    private final TenantSettings settings;
    private final DistributedMutex mutex;
    private final RecentEvents events;
    private final List<String> instances;

    TenantController(
            TenantSettings settings,
            DistributedMutex mutex,
            RecentEvents events,
            @Value("${example.instances:}") List<String> instances) {
        this.settings = settings;
        this.mutex = mutex;
        this.events = events;
        this.instances = instances;
    }

    /** The answer to an update. */
    record Updated(String tenant, int version) {}

    /** What an instance looks like just now. */
    record State(List<String> instances, MutexStatus locks, List<TenantSettings.Row> settings, List<String> events) {}

    @PostMapping("/tenants/{tenant}")
    Updated update(
            @PathVariable String tenant,
            @RequestParam String plan,
            @RequestParam(defaultValue = "0") long thinkMillis) {
        return new Updated(tenant, settings.update(tenant, plan, Duration.ofMillis(thinkMillis)));
    }

    @GetMapping("/state")
    State state() {
        return new State(instances, mutex.status(), settings.all(), events.latestFirst());
    }

    @ExceptionHandler
    ResponseEntity<String> notAcquired(LockNotAcquiredException e) {
        return answer(HttpStatus.CONFLICT, e);
    }

    @ExceptionHandler
    ResponseEntity<String> stale(StaleTokenException e) {
        events.add("REFUSED by the database: " + e.getMessage());
        return answer(HttpStatus.PRECONDITION_FAILED, e);
    }

    @ExceptionHandler
    ResponseEntity<String> lost(LeaseLostException e) {
        return answer(HttpStatus.CONFLICT, e);
    }

    @ExceptionHandler
    ResponseEntity<String> unreachable(StoreException e) {
        return answer(HttpStatus.SERVICE_UNAVAILABLE, e);
    }

    private static ResponseEntity<String> answer(HttpStatus status, RuntimeException e) {
        return ResponseEntity.status(status).body(e.getMessage());
    }
}
