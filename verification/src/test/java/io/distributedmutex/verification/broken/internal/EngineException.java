package io.distributedmutex.verification.broken.internal;

/** Leaks out of a throws clause. */
public final class EngineException extends Exception {
    private static final long serialVersionUID = 1L;
}
