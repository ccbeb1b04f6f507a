package io.distributedmutex.redis;

/** Checks of texts that users give. */
final class Texts {

    private Texts() {}

    /**
     * Checks that a text can be written as UTF-8 and read again.
     *
     * @param name what the text is called in the message
     * @param text the text
     * @throws IllegalArgumentException if it has half of a surrogate pair
     */
    static void checkWellFormed(String name, String text) {
        boolean broken = text.codePoints().anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
        if (broken) {
            throw new IllegalArgumentException(name + " must be well-formed Unicode, but has half of a surrogate pair");
        }
    }
}
