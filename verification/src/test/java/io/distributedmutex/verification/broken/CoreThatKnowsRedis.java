package io.distributedmutex.verification.broken;

import io.distributedmutex.verification.broken.redis.RedisThatKnowsTheCli;

final class CoreThatKnowsRedis {
    void use(RedisThatKnowsTheCli redis) {}
}
