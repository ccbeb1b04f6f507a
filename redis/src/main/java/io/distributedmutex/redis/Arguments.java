package io.distributedmutex.redis;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * The arguments of a command as they stand on the wire: bulk strings of RESP. The caller's thread encodes them, so that the
 * I/O thread, which all callers share, only copies them. Not thread-safe.
 *
 * @see <a href="https://redis.io/docs/latest/develop/reference/protocol-spec/#bulk-strings">RESP, bulk strings</a>
 */
final class Arguments {

    /** The longest long has 20 characters with its sign. */
    private static final int NUMBER_ROOM = 20;

    /** For "$", the length and two line ends. */
    private static final int FRAME_ROOM = 16;

    /** What commands of 0, 1, 2 and more bulk strings begin with: no script has as many as this. */
    private static final byte[][] HEADS =
            IntStream.range(0, 32).mapToObj(Arguments::newHead).toArray(byte[][]::new);

    private byte[] bytes = new byte[384];
    private int length;
    private int count;

    /** Begins a command of so many bulk strings, which are added next: for several commands in a row. */
    Arguments begin(int bulkStrings) {
        byte[] head = head(bulkStrings);
        room(head.length);
        System.arraycopy(head, 0, bytes, length, head.length);
        length += head.length;
        return this;
    }

    /** Adds bytes. */
    Arguments add(byte[] value) {
        room(value.length + FRAME_ROOM);
        bytes[length++] = '$';
        length = digits(bytes, length, value.length);
        endLine();
        System.arraycopy(value, 0, bytes, length, value.length);
        length += value.length;
        endLine();
        count++;
        return this;
    }

    /** Adds a text in UTF-8. */
    Arguments add(String text) {
        return add(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Adds a number of 0 or more in decimal. */
    Arguments add(long number) {
        room(NUMBER_ROOM + FRAME_ROOM);
        int size = size(number);
        bytes[length++] = '$';
        length = digits(bytes, length, size);
        endLine();
        length = digits(bytes, length, number);
        endLine();
        count++;
        return this;
    }

    /** What a command of so many bulk strings begins with. Not to be changed. */
    static byte[] head(int count) {
        return count < HEADS.length ? HEADS[count] : newHead(count);
    }

    private static byte[] newHead(int count) {
        return ("*" + count + "\r\n").getBytes(StandardCharsets.US_ASCII);
    }

    /** How many were added. */
    int count() {
        return count;
    }

    /** What was encoded, in the first {@link #length()} bytes. Not to be changed. */
    byte[] bytes() {
        return bytes;
    }

    /** How many bytes were encoded. */
    int length() {
        return length;
    }

    private void room(int more) {
        if (length + more > bytes.length) {
            bytes = Arrays.copyOf(bytes, Math.max(length + more, bytes.length * 2));
        }
    }

    private void endLine() {
        bytes[length++] = '\r';
        bytes[length++] = '\n';
    }

    private static int digits(byte[] target, int start, long number) {
        int end = start + size(number);
        long rest = number;
        for (int i = end - 1; i >= start; i--) {
            target[i] = (byte) ('0' + rest % 10);
            rest /= 10;
        }
        return end;
    }

    private static int size(long number) {
        if (number < 0) {
            throw new IllegalArgumentException("a number must be 0 or more, but is " + number);
        }
        int size = 1;
        for (long rest = number; rest >= 10; rest /= 10) {
            size++;
        }
        return size;
    }
}
