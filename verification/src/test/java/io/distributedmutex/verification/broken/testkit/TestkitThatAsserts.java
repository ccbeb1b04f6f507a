package io.distributedmutex.verification.broken.testkit;

import org.assertj.core.api.Assertions;

final class TestkitThatAsserts {
    void fails() {
        Assertions.fail("an assertion library in main code");
    }
}
