package io.distributedmutex.cli.console;

import java.io.IOException;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/** A stream that remembers why a write failed, which print streams do not. */
public final class StandardOutput extends OutputStream {

    private final OutputStream stream;
    private volatile @Nullable IOException failure;

    public StandardOutput(OutputStream stream) {
        this.stream = stream;
    }

    /** The first failure, or null. */
    @Nullable
    public IOException failure() {
        return failure;
    }

    @Override
    public void write(int octet) throws IOException {
        write(new byte[] {(byte) octet}, 0, 1);
    }

    @Override
    public void write(byte[] octets, int from, int length) throws IOException {
        try {
            stream.write(octets, from, length);
        } catch (IOException e) {
            failure = failure == null ? e : failure;
            throw e;
        }
    }
}
