package io.distributedmutex.spi;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;

/** How an error's causes are looked at. */
class CausesTest {

    /** Can be given one later. */
    private static final class WrapperWithoutCause extends CompletionException {
        WrapperWithoutCause() {
            super("one");
        }
    }

    @Test
    void anErrorStandsBeforeItsCauses() {
        Exception inner = new IOException("inner");
        Exception middle = new IllegalStateException(inner);
        Exception outer = new RuntimeException(middle);

        assertThat(Causes.of(outer)).containsExactly(outer, middle, inner);
        assertThat(Causes.of(inner)).containsExactly(inner);
    }

    @Test
    void aCircleHasAnEnd() {
        Exception one = new WrapperWithoutCause();
        Exception other = new CompletionException("other", one);
        one.initCause(other);

        assertThat(Causes.of(one)).hasSize(Causes.MAXIMUM).startsWith(one, other, one);
        assertThat(Causes.unwrapped(one)).isIn(one, other);
    }

    @Test
    void whatAFutureFailedWithIsWhatItsWrappersWrap() {
        Exception failure = new IllegalStateException(new IOException("cause"));

        assertThat(Causes.unwrapped(new CompletionException(new ExecutionException(failure))))
                .isSameAs(failure);
        assertThat(Causes.unwrapped(failure)).isSameAs(failure);
    }

    @Test
    void aWrapperAroundNothingIsWhatTheFutureFailedWith() {
        Exception empty = new CompletionException("empty", null);

        assertThat(Causes.unwrapped(new ExecutionException(empty))).isSameAs(empty);
    }
}
