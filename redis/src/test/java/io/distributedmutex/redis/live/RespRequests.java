package io.distributedmutex.redis.live;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.util.ArrayList;
import java.util.List;

/** Requests of clients, as servers that tests pretend to be read them. */
public final class RespRequests {

    private RespRequests() {}

    /**
     * Reads a request, which is an array of bulk strings.
     *
     * @param input from a client
     * @param charset of its words
     * @return its words
     * @throws IOException if the client has gone
     */
    public static List<String> read(InputStream input, Charset charset) throws IOException {
        int count = Integer.parseInt(line(input).substring(1));
        List<String> words = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            int length = Integer.parseInt(line(input).substring(1));
            words.add(new String(input.readNBytes(length), charset));
            line(input);
        }
        return words;
    }

    private static String line(InputStream input) throws IOException {
        StringBuilder line = new StringBuilder();
        for (int next = input.read(); next != '\n'; next = input.read()) {
            if (next < 0) {
                throw new IOException("end of stream");
            }
            if (next != '\r') {
                line.append((char) next);
            }
        }
        return line.toString();
    }
}
