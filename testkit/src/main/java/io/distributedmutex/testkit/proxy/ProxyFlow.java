package io.distributedmutex.testkit.proxy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.Queue;
import org.jspecify.annotations.Nullable;

/**
 * One direction of one connection through a {@link FaultyProxy}: what was read and is not passed on yet, with the time
 * at which it came. Guarded by the lock of its {@link ProxyLoop}.
 */
final class ProxyFlow {

    /** How much is kept at most; with that much it reads no more. */
    private static final int CAPACITY = 64 * 1024;

    /** What was read at once; no data means that the sender has closed its end in order. */
    private record Chunk(@Nullable ByteBuffer data, long cameNanos) {}

    private final SocketChannel from;
    private final SocketChannel to;
    private final ProxyWay way;
    private final Queue<Chunk> pending = new ArrayDeque<>();
    private final ByteBuffer saidFirst;
    private int pendingBytes;
    private boolean ended;
    private boolean over;
    private boolean blocked;

    /**
     * Makes one on which nothing was said yet.
     *
     * @param remembered how many of the first bytes are remembered, for {@link #isRefused}
     */
    ProxyFlow(SocketChannel from, SocketChannel to, ProxyWay way, int remembered) {
        this.from = from;
        this.to = to;
        this.way = way;
        this.saidFirst = ByteBuffer.allocate(remembered);
    }

    SocketChannel from() {
        return from;
    }

    SocketChannel to() {
        return to;
    }

    /** Whether the sender has closed its end, and the receiver has seen that. */
    boolean isOver() {
        return over;
    }

    /** Whether the sender has said something, and is refused for it. */
    boolean isRefused() {
        return saidFirst.position() > 0
                && way.refuses(saidFirst.asReadOnlyBuffer().flip());
    }

    /** Whether there is room for more of what the sender says. */
    boolean wantsToRead() {
        return !ended && !way.isHeld() && pendingBytes < CAPACITY;
    }

    /** Whether the receiver's kernel took less than it was given. */
    boolean wantsToWrite() {
        return blocked && !way.isHeld();
    }

    /** Returns when the next chunk is due, in nanoseconds from now; Long.MAX_VALUE if time alone changes nothing. */
    long dueIn(long now) {
        Chunk next = pending.peek();
        return next == null || blocked || way.isHeld() ? Long.MAX_VALUE : next.cameNanos + way.delayNanos() - now;
    }

    /**
     * Reads once, and passes on what is due.
     *
     * @param buffer as large as the capacity
     * @return whether the connection is to be cut here
     * @throws IOException if one end has reset the connection, or the sender is refused for what it has said just now
     */
    boolean progress(long now, ByteBuffer buffer) throws IOException {
        if (wantsToRead()) {
            read(now, buffer);
        }
        blocked = false;
        while (dueIn(now) <= 0) {
            ByteBuffer data = pending.element().data;
            if (data == null) {
                to.shutdownOutput();
                over = true;
                pending.remove();
            } else if (write(data)) {
                return true;
            }
        }
        return false;
    }

    private void read(long now, ByteBuffer buffer) throws IOException {
        int length = from.read(buffer.clear().limit(CAPACITY - pendingBytes));
        if (length < 0) {
            ended = true;
            pending.add(new Chunk(null, now));
        } else if (length > 0) {
            byte[] data = new byte[length];
            buffer.flip().get(data);
            pending.add(new Chunk(ByteBuffer.wrap(data), now));
            pendingBytes += length;
            remember(data);
        }
    }

    /** Keeps what belongs to the first bytes, and fails if the sender is refused for it. */
    private void remember(byte[] data) throws IOException {
        int remembered = Math.min(data.length, saidFirst.remaining());
        saidFirst.put(data, 0, remembered);
        if (remembered > 0 && isRefused()) {
            throw new IOException("refused for what was said first");
        }
    }

    /** Passes on the first chunk as far as it may and can; returns whether the connection is to be cut here. */
    private boolean write(ByteBuffer data) throws IOException {
        int allowed = way.allowed(data.remaining());
        int written = to.write(data.slice(data.position(), allowed));
        data.position(data.position() + written);
        pendingBytes -= written;
        blocked = written < allowed;
        if (!data.hasRemaining()) {
            pending.remove();
        }
        return way.count(written);
    }
}
