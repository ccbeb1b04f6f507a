package io.distributedmutex.testkit.server;

import io.distributedmutex.testkit.internal.Loopback;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A short-lived connection to a server on the loopback address that speaks RESP2, the protocol of Redis: one command,
 * one reply.
 *
 * <p>It exists so that the testkit needs no Redis client. One deadline, counted from {@link #open}, covers everything
 * done on the connection. Text is UTF-8 both ways. Not thread-safe.
 *
 * @see <a href="https://redis.io/docs/latest/develop/reference/protocol-spec/">The protocol</a>
 */
final class RespConnection implements AutoCloseable {

    private static final int MAXIMUM_LINE_BYTES = 64 * 1024;
    private static final int MAXIMUM_TEXT_BYTES = 64 * 1024 * 1024;
    private static final int MAXIMUM_ELEMENTS = 1_000_000;
    private static final int MAXIMUM_DEPTH = 16;

    private final Socket socket;
    private final InputStream input;
    private final long deadlineNanos;
    private final byte[] buffer = new byte[8 * 1024];
    private int position;
    private int limit;

    private RespConnection(Socket socket, long deadlineNanos) throws IOException {
        this.socket = socket;
        this.input = socket.getInputStream();
        this.deadlineNanos = deadlineNanos;
    }

    /** Connects to the port, and gives the connection so long to live. */
    static RespConnection open(int port, Duration bound) throws IOException {
        long deadlineNanos = System.nanoTime() + bound.toNanos();
        Socket socket = new Socket();
        try {
            socket.setTcpNoDelay(true);
            socket.connect(Loopback.address(port), Math.toIntExact(Math.max(1, bound.toMillis())));
            return new RespConnection(socket, deadlineNanos);
        } catch (IOException | RuntimeException failure) {
            socket.close();
            throw failure;
        }
    }

    /**
     * Opens a connection, logs in if there is a password, and returns the reply to the one command, as {@link #call}
     * does.
     */
    static @Nullable Object ask(int port, @Nullable String password, Duration bound, List<String> words)
            throws IOException {
        try (RespConnection connection = open(port, bound)) {
            if (password != null) {
                Object welcome = connection.call(List.of("AUTH", password));
                if (!"OK".equals(welcome)) {
                    throw new IOException("AUTH was not answered with OK");
                }
            }
            return connection.call(words);
        }
    }

    /**
     * Sends the words as one command and returns its reply: a String, a Long, a List of such, or null.
     *
     * @throws EmbeddedRedisException if the reply is, or contains, an error; the message is the server's text
     * @throws IOException if the connection fails, is closed by the server or runs out of time, or the reply is not
     *     RESP2
     */
    @Nullable
    Object call(List<String> words) throws IOException {
        socket.getOutputStream().write(encoded(words));
        return readReply(0);
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }

    private static byte[] encoded(List<String> words) {
        ByteArrayOutputStream request = new ByteArrayOutputStream();
        request.writeBytes(("*" + words.size() + "\r\n").getBytes(StandardCharsets.US_ASCII));
        for (String word : words) {
            byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
            request.writeBytes(("$" + bytes.length + "\r\n").getBytes(StandardCharsets.US_ASCII));
            request.writeBytes(bytes);
            request.writeBytes(new byte[] {'\r', '\n'});
        }
        return request.toByteArray();
    }

    private @Nullable Object readReply(int depth) throws IOException {
        byte type = readByte();
        String line = readLine();
        return switch (type) {
            case '+' -> line;
            case '-' -> throw new EmbeddedRedisException(line);
            case ':' -> number(line);
            case '$' -> readText(number(line));
            case '*' -> readList(number(line), depth);
            default -> throw new IOException("not a RESP2 reply: it begins with byte " + type);
        };
    }

    private @Nullable String readText(long length) throws IOException {
        if (length < 0) {
            return null;
        }
        if (length > MAXIMUM_TEXT_BYTES) {
            throw new IOException("a reply of " + length + " bytes is more than " + MAXIMUM_TEXT_BYTES);
        }
        byte[] text = new byte[(int) length];
        int filled = 0;
        while (filled < text.length) {
            fillBuffer();
            int count = Math.min(limit - position, text.length - filled);
            System.arraycopy(buffer, position, text, filled, count);
            position += count;
            filled += count;
        }
        if (!readLine().isEmpty()) {
            throw new IOException("not a RESP2 reply: a text of " + length + " bytes is followed by more");
        }
        return new String(text, StandardCharsets.UTF_8);
    }

    private @Nullable List<@Nullable Object> readList(long size, int depth) throws IOException {
        if (size < 0) {
            return null;
        }
        if (size > MAXIMUM_ELEMENTS || depth >= MAXIMUM_DEPTH) {
            throw new IOException("a reply of " + size + " elements at depth " + depth + " is more than "
                    + MAXIMUM_ELEMENTS + " elements or " + MAXIMUM_DEPTH + " levels");
        }
        List<@Nullable Object> elements = new ArrayList<>();
        for (long index = 0; index < size; index++) {
            elements.add(readReply(depth + 1));
        }
        return elements;
    }

    private static long number(String line) throws IOException {
        try {
            return Long.parseLong(line);
        } catch (NumberFormatException notANumber) {
            throw new IOException("not a RESP2 reply: a number was expected", notANumber);
        }
    }

    private String readLine() throws IOException {
        ByteArrayOutputStream line = new ByteArrayOutputStream();
        while (line.size() <= MAXIMUM_LINE_BYTES) {
            byte next = readByte();
            if (next == '\r') {
                if (readByte() != '\n') {
                    throw new IOException("not a RESP2 reply: a carriage return without a line feed");
                }
                return line.toString(StandardCharsets.UTF_8);
            }
            line.write(next);
        }
        throw new IOException("not a RESP2 reply: a line of more than " + MAXIMUM_LINE_BYTES + " bytes");
    }

    private byte readByte() throws IOException {
        fillBuffer();
        return buffer[position++];
    }

    private void fillBuffer() throws IOException {
        if (position < limit) {
            return;
        }
        long leftMillis = (deadlineNanos - System.nanoTime()) / 1_000_000;
        if (leftMillis <= 0) {
            throw new SocketTimeoutException("the reply did not come in time");
        }
        socket.setSoTimeout((int) Math.min(leftMillis, Integer.MAX_VALUE));
        int count = input.read(buffer);
        if (count < 0) {
            throw new EOFException("the server closed the connection");
        }
        position = 0;
        limit = count;
    }
}
