package io.distributedmutex.internal;

import io.distributedmutex.MutexListener;
import io.distributedmutex.spi.Environment;
import io.distributedmutex.spi.LockStore;
import java.util.List;

/** What the keys of one instance share: time, the store, what is owed to it, what is told. */
abstract class Instance {

    /** The holder's label. */
    final String label;

    /** What all its tokens begin with. */
    final long id;

    final Scheduler scheduler;
    final Work work;
    final Events events;
    final StoreCalls store;
    final GiveBacks giveBacks;
    private final Environment environment;

    Instance(LockStore store, Environment environment, String label, List<MutexListener> listeners) {
        this.label = label;
        this.id = Token.drawHalf(environment);
        this.environment = environment;
        this.scheduler = new Scheduler(environment);
        this.work = new Work(scheduler);
        this.events = new Events(scheduler, listeners);
        this.store = new StoreCalls(store, scheduler, work, events.outage());
        this.giveBacks = new GiveBacks(this.store, scheduler, work, events);
    }

    long now() {
        return scheduler.now();
    }

    /** What time it is for people; see {@link Environment#epochMillis}. */
    long epochMillis() {
        return environment.epochMillis();
    }

    /** A text of {@link Token#HALF} characters that nobody else draws. */
    String newName() {
        return Token.half(Token.drawHalf(environment));
    }

    /** A token that nobody else has. */
    Token newToken() {
        return Token.draw(environment, id);
    }

    /** A key's queue has nothing in it any more and takes nothing. */
    abstract void retired(String key, Object queue);
}
