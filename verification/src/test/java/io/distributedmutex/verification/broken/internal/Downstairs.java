package io.distributedmutex.verification.broken.internal;

final class Downstairs {
    final Upstairs above;

    Downstairs(Upstairs above) {
        this.above = above;
    }
}
