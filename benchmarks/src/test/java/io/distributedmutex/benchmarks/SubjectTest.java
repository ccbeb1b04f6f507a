package io.distributedmutex.benchmarks;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testkit.junit.WithRedis;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What is measured does what it is measured for. */
@WithRedis
@Timeout(value = 2, unit = TimeUnit.MINUTES)
class SubjectTest {

    private static final int PAIRS = 50;

    @ParameterizedTest
    @EnumSource(mode = EnumSource.Mode.EXCLUDE, names = "RAW")
    void lettingOneInAtATimeEverySubjectServesTwoThreads(Subject subject, EmbeddedRedis redis, @TempDir Path folder)
            throws Exception {
        Board board = Board.open(folder.resolve("board"));
        AtomicInteger served = new AtomicInteger();
        try (Locks locks = subject.open(redis.uri())) {
            Thread other = new Thread(() -> pairs(locks, board, served, 2));
            other.start();
            pairs(locks, board, served, 1);
            other.join();
        }
        assertThat(served).hasValue(2 * PAIRS);
        assertThat(board.violations()).isZero();
    }

    private static void pairs(Locks locks, Board board, AtomicInteger served, int owner) {
        try {
            for (int i = 0; i < PAIRS; i++) {
                Locks.Held held = locks.lock("one");
                board.entered(owner);
                served.incrementAndGet();
                board.leaving(owner);
                held.unlock();
            }
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    @Test
    void twoAtOnceAreSeen(@TempDir Path folder) {
        Board board = Board.open(folder.resolve("board"));
        Board same = Board.open(folder.resolve("board"));

        assertThat(board.entered(1)).isEqualTo(-1);
        assertThat(same.entered(2)).isEqualTo(-1);

        assertThat(board.violations()).isEqualTo(1);
    }

    @Test
    void aHandOffIsTimedFromTheReleaseByAnother(@TempDir Path folder) {
        Board board = Board.open(folder.resolve("board"));

        board.entered(1);
        board.leaving(1);
        assertThat(board.entered(1)).isEqualTo(-1);
        board.leaving(1);
        assertThat(board.entered(2)).isNotNegative();

        assertThat(board.violations()).isZero();
    }
}
