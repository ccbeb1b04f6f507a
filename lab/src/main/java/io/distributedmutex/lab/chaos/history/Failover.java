package io.distributedmutex.lab.chaos.history;

/**
 * A server took another's place.
 *
 * @param span from when it may have been so, until all who name servers named the new one; with the keys that are there
 * @param losesNothing whether the old one handed over in good order
 */
public record Failover(Span span, boolean losesNothing) {}
