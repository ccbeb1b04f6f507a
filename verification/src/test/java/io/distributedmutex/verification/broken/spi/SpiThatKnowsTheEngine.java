package io.distributedmutex.verification.broken.spi;

import io.distributedmutex.verification.broken.internal.Engine;

final class SpiThatKnowsTheEngine {
    @SuppressWarnings("unused")
    private final Engine engine = new Engine();
}
