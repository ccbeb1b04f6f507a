package io.distributedmutex.verification.broken.testkit;

/** Written to be extended, as contracts are. */
public abstract class InnocentContract {}
