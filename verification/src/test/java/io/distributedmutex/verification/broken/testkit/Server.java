package io.distributedmutex.verification.broken.testkit;

/** A server for tests. */
public final class Server {}
