package io.distributedmutex.verification.broken.internal;

final class Upstairs {
    Downstairs below = new Downstairs(this);
}
