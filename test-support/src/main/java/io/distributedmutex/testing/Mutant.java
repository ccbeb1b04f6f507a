package io.distributedmutex.testing;

import java.util.regex.Pattern;

/**
 * A deliberate fault: a text in one file of ours, and what stands there instead.
 *
 * @param name what is wrong then
 * @param file the file
 * @param original the text, which must be there exactly once
 * @param replacement the fault
 */
public record Mutant(String name, String file, String original, String replacement) {

    /**
     * Puts the fault in.
     *
     * @param content the file's content
     * @return the content with the fault
     */
    public String in(String content) {
        if (content.split(Pattern.quote(original), -1).length != 2) {
            throw new AssertionError("'" + name + "': not exactly once in " + file + ": " + original);
        }
        return content.replace(original, replacement);
    }
}
