package io.distributedmutex.benchmarks;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * What the workers of one measurement, threads and processes, share about the key that they contend for: a file that all
 * of them map. It shows whether exclusion held, and when the lock passed from one to another.
 *
 * <p>System.nanoTime() is CLOCK_MONOTONIC on Linux, and so the same for all processes of a machine.
 */
final class Board {

    private static final VarHandle LONGS = MethodHandles.byteBufferViewVarHandle(long[].class, ByteOrder.nativeOrder());

    private static final int OWNER = 0;
    private static final int LAST_OWNER = 64;
    private static final int RELEASED_AT = 72;
    private static final int VIOLATIONS = 128;
    private static final int STOPPED = 192;
    private static final int SIZE = 4096;

    private final ByteBuffer memory;

    private Board(ByteBuffer memory) {
        this.memory = memory;
    }

    /** Maps a file, which is made if it is not there. */
    static Board open(Path file) {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
            return new Board(channel.map(FileChannel.MapMode.READ_WRITE, 0, SIZE));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Called as soon as the lock is held.
     *
     * @param owner the number of the worker's thread, from 1 up
     * @return the nanoseconds since another owner released, or -1 if nobody did or it was this one
     */
    long entered(int owner) {
        long now = System.nanoTime();
        if (!LONGS.compareAndSet(memory, OWNER, 0L, (long) owner)) {
            LONGS.getAndAdd(memory, VIOLATIONS, 1L);
        }
        long last = get(LAST_OWNER);
        return last == 0 || last == owner ? -1 : now - get(RELEASED_AT);
    }

    /** Called before the lock is released. */
    void leaving(int owner) {
        set(LAST_OWNER, owner);
        if (!LONGS.compareAndSet(memory, OWNER, (long) owner, 0L)) {
            LONGS.getAndAdd(memory, VIOLATIONS, 1L);
        }
        set(RELEASED_AT, System.nanoTime());
    }

    /** How often two were in at once. */
    long violations() {
        return get(VIOLATIONS);
    }

    void stop() {
        set(STOPPED, 1);
    }

    boolean isStopped() {
        return get(STOPPED) != 0;
    }

    private long get(int at) {
        return (long) LONGS.getVolatile(memory, at);
    }

    private void set(int at, long value) {
        LONGS.setVolatile(memory, at, value);
    }
}
