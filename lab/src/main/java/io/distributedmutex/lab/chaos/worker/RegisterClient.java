package io.distributedmutex.lab.chaos.worker;

import io.distributedmutex.lab.chaos.history.Register;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;

/** A worker's connection to the {@link Register}. For one thread. */
final class RegisterClient implements AutoCloseable {

    /**
     * What the register said.
     *
     * @param accepted whether the token was good
     * @param value the number; or, if not, the largest token that was seen
     */
    record Answer(boolean accepted, long value) {}

    private final int worker;
    private final Socket socket;
    private final BufferedReader lines;

    RegisterClient(int port, int worker) throws IOException {
        this.worker = worker;
        this.socket = new Socket(InetAddress.getLoopbackAddress(), port);
        socket.setTcpNoDelay(true);
        this.lines = new BufferedReader(new InputStreamReader(socket.getInputStream(), StandardCharsets.US_ASCII));
    }

    Answer read(String key, long token) throws IOException {
        return ask("read", key, token, 0);
    }

    Answer write(String key, long token, long value) throws IOException {
        return ask("write", key, token, value);
    }

    private Answer ask(String verb, String key, long token, long value) throws IOException {
        String line = verb + " " + key + " " + token + " " + worker + " " + value + "\n";
        socket.getOutputStream().write(line.getBytes(StandardCharsets.US_ASCII));
        String answer = lines.readLine();
        if (answer == null) {
            throw new IOException("the register has gone");
        }
        int space = answer.indexOf(' ');
        return new Answer(answer.startsWith("ok"), Long.parseLong(answer.substring(space + 1)));
    }

    @Override
    public void close() throws IOException {
        socket.close();
    }
}
