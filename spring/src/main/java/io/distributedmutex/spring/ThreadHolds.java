package io.distributedmutex.spring;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** What each thread holds: for calls within calls, for commits that ask whether it is still held, and for {@link CurrentLease}. */
final class ThreadHolds {

    /** A thread without holds has none. The list may be changed by another thread, on which a transaction ends. */
    private static final ThreadLocal<@Nullable List<Binding>> BINDINGS = new ThreadLocal<>();

    private ThreadHolds() {}

    /** One call's share of a hold, on the thread that it was made on. */
    static final class Binding {
        private final Hold hold;
        private final boolean stopsCommits;
        private final List<Binding> of;

        private Binding(Hold hold, boolean stopsCommits, List<Binding> of) {
            this.hold = hold;
            this.stopsCommits = stopsCommits;
            this.of = of;
        }

        /** The call has ended. */
        void leave() {
            unbind();
            hold.leave();
        }

        /** The call goes on, but no longer on this thread. */
        void unbind() {
            of.remove(this);
            if (of.isEmpty() && BINDINGS.get() == of) {
                BINDINGS.remove();
            }
        }
    }

    /** What this thread holds of a key, entered once more; or null. */
    static @Nullable Hold enter(DistributedMutex mutex, String key) {
        List<Binding> mine = BINDINGS.get();
        if (mine != null) {
            for (Binding binding : mine) {
                if (binding.hold.isOn(mutex, key) && binding.hold.enter()) {
                    return binding.hold;
                }
            }
        }
        return null;
    }

    /**
     * This thread now works under a hold that was entered.
     *
     * @param stopsCommits whether no transaction may be committed on this thread if the lease is lost
     */
    static Binding bind(Hold hold, boolean stopsCommits) {
        List<Binding> mine = BINDINGS.get();
        if (mine == null) {
            mine = new CopyOnWriteArrayList<>();
            BINDINGS.set(mine);
        }
        Binding binding = new Binding(hold, stopsCommits, mine);
        mine.add(binding);
        return binding;
    }

    /** The lease of this thread's innermost call, or null. */
    static @Nullable Lease innermost() {
        Lease latest = null;
        List<Binding> mine = BINDINGS.get();
        if (mine != null) {
            for (Binding binding : mine) {
                latest = binding.hold.lease();
            }
        }
        return latest;
    }

    /** A lease that is lost and stops commits on this thread, or null. */
    static @Nullable Lease lostBeforeCommit() {
        List<Binding> mine = BINDINGS.get();
        if (mine != null) {
            for (Binding binding : mine) {
                if (binding.stopsCommits && !binding.hold.lease().isValid()) {
                    return binding.hold.lease();
                }
            }
        }
        return null;
    }
}
