package io.distributedmutex.verification.broken.lab;

/** A demo. */
public final class Demo {}
