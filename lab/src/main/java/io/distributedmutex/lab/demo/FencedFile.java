package io.distributedmutex.lab.demo;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.OptionalLong;

/**
 * A counter in a file that remembers the largest fencing token it has seen, and refuses smaller ones. Reading and writing are
 * steps of their own, so updates without a lock get lost.
 */
final class FencedFile {

    private final Path file;
    private final Path draft;

    /**
     * A file, which need not exist yet.
     *
     * @param file the file
     * @param owner tells the drafts of several processes apart
     */
    FencedFile(Path file, int owner) {
        this.file = file;
        this.draft = file.resolveSibling(file.getFileName() + ".draft-" + owner);
    }

    /**
     * Reads the counter, and leaves the token there: from now on nobody with a smaller one can write.
     *
     * @param token the reader's fencing token
     * @return the counter, or empty if a larger token was here
     */
    OptionalLong read(long token) throws IOException {
        Content content = content();
        if (token < content.token) {
            return OptionalLong.empty();
        }
        if (token > content.token) {
            store(new Content(content.value, token));
        }
        return OptionalLong.of(content.value);
    }

    /**
     * Writes the counter.
     *
     * @param value the counter
     * @param token the writer's fencing token
     * @return false if a larger token was here, and nothing is written
     */
    boolean write(long value, long token) throws IOException {
        if (token < content().token) {
            return false;
        }
        store(new Content(value, token));
        return true;
    }

    /** The counter, for readers. */
    long value() throws IOException {
        return content().value;
    }

    private record Content(long value, long token) {}

    private Content content() throws IOException {
        try {
            String[] fields = Files.readString(file).strip().split(" ", -1);
            return new Content(Long.parseLong(fields[0]), Long.parseLong(fields[1]));
        } catch (NoSuchFileException e) {
            return new Content(0, 0);
        }
    }

    /** Writes all or nothing, even if the process is killed meanwhile. */
    private void store(Content content) throws IOException {
        Files.writeString(draft, content.value + " " + content.token + "\n");
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }
}
