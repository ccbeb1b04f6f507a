/** Measures this library beside its peers: {@code benchmarks/bench}; see docs/performance.md. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.benchmarks;
