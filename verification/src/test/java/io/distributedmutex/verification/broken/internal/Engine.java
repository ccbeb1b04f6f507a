package io.distributedmutex.verification.broken.internal;

/** Serves nobody but its own module. */
public class Engine {}
