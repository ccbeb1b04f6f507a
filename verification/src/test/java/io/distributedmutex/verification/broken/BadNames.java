package io.distributedmutex.verification.broken;

final class BadNames {
    static final class ThingImpl {}

    static final class ThingUtils {}

    static final class ThingHelper {}

    static final class ThingManager {}

    static final class BaseThing {}

    static final class InnocentlyBased {}

    private BadNames() {}
}
