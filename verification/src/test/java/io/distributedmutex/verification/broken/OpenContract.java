package io.distributedmutex.verification.broken;

/** A contract, but not in the testkit. */
public abstract class OpenContract {}
