package io.distributedmutex.spring;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Logger;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.read.ListAppender;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.stereotype.Component;

/** Calls of an annotated method on {@code this}, which no proxy sees, are named in the log. */
class SelfCallsTest {

    @Component
    static class Tenants {

        private final ObjectProvider<Tenants> self;
        private long last;

        Tenants(ObjectProvider<Tenants> self) {
            this.self = self;
        }

        @DistributedLock(key = "'tenant:' + #id")
        String update(long id, String text) {
            return text + id;
        }

        @DistributedLock(name = "nothing")
        void nothing() {}

        String direct() {
            return update(1, "a");
        }

        void withoutArguments() {
            nothing();
        }

        String amongOthers(long[] ids, boolean first) {
            last += ids.length * 2L;
            String before = first ? "x" : last > 3 && ids[0] << 1 == 4 ? "y" : "z";
            try {
                return before + update(first ? ids[0] : -ids[1], before + (first ? "yes" : "no") + (double) last);
            } finally {
                last--;
            }
        }

        LongFunction<String> inLambda() {
            return id -> update(id, "lambda");
        }

        Runnable byReference() {
            return this::nothing;
        }

        String afterHandler(int choice) {
            try {
                synchronized (this) {
                    last++;
                }
            } catch (IllegalStateException e) {
                return e.getMessage();
            }
            for (int i = 0; i < choice; i++) {
                last += i;
            }
            switch (choice) {
                case 1, 2:
                    return "two";
                default:
                    return new StringBuilder(update(2, "b")).toString();
            }
        }

        // ---- these are locked, or none of its own

        String throughTheBean() {
            return self.getObject().update(1, "bean");
        }

        String onAnother(Tenants other, boolean isOther) {
            other.nothing();
            return (isOther ? other : self.getObject()).update(last, toString());
        }

        Runnable byReferenceOfAnother(Tenants other) {
            return other::nothing;
        }

        Consumer<Tenants> unboundReference() {
            return Tenants::nothing;
        }

        @DistributedLock(key = "'tenant:' + #id")
        void lockedItself(long id) {
            update(id, "under its own lease");
        }

        static String inStatic(Tenants other) {
            return other.update(1, "static");
        }
    }

    @Test
    void eachIsNamedOnceAtStart() {
        List<String> lines = linesAtStart(Tenants.class);
        String update = "@DistributedLock on " + Tenants.class.getName() + ".update(long, String): ";
        String nothing = "@DistributedLock on " + Tenants.class.getName() + ".nothing(): ";
        String end =
                "() of the same class calls it on this, which locks nothing; only calls through the bean do, so move"
                        + " one of the two methods to another bean";
        assertThat(lines)
                .containsExactlyInAnyOrder(
                        update + "direct" + end,
                        nothing + "withoutArguments" + end,
                        // Compilers copy what stands in finally, but not what stands before it.
                        update + "amongOthers" + end,
                        update + "inLambda" + end,
                        nothing + "byReference" + end,
                        update + "afterHandler" + end);
    }

    @Component
    static class Innocent {
        @DistributedLock(name = "k")
        void update() {}
    }

    @Test
    void aClassThatDoesNotCallItselfIsNotNamed() {
        assertThat(linesAtStart(Innocent.class)).isEmpty();
    }

    private static List<String> linesAtStart(Class<?> type) {
        Logger logger = (Logger) LoggerFactory.getLogger(DistributedLock.class);
        ListAppender<ILoggingEvent> log = new ListAppender<>();
        log.start();
        logger.addAppender(log);
        try (Application application = Application.of(type)) {
            assertThat(application.get(type)).isNotNull();
        } finally {
            logger.detachAppender(log);
        }
        return log.list.stream().map(ILoggingEvent::getFormattedMessage).toList();
    }
}
