package io.distributedmutex.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import org.junit.jupiter.api.Test;

/** What the locks of the chaos guard. */
class ChaosRegisterTest {

    @Test
    void aSmallerTokenThanItHasSeenIsRefusedAlsoIfThatOnlyRead() throws IOException {
        try (ChaosRegister register = ChaosRegister.open(true);
                ChaosRegisterClient first = new ChaosRegisterClient(register.port(), 1);
                ChaosRegisterClient second = new ChaosRegisterClient(register.port(), 2)) {
            assertThat(first.read("k", 10)).isEqualTo(new ChaosRegisterClient.Answer(true, 0));
            assertThat(first.write("k", 10, 1).accepted()).isTrue();
            assertThat(second.read("k", 12)).isEqualTo(new ChaosRegisterClient.Answer(true, 1));
            assertThat(first.write("k", 10, 99)).isEqualTo(new ChaosRegisterClient.Answer(false, 12));
            assertThat(first.read("other", 10).accepted()).isTrue();
            assertThat(register.values()).containsEntry("k", 1L).containsEntry("other", 0L);
            assertThat(register.log())
                    .extracting(entry -> entry.worker() + (entry.write() ? " wrote " : " read ") + entry.value() + " "
                            + entry.accepted())
                    .containsExactly(
                            "1 read 0 true", "1 wrote 1 true", "2 read 1 true", "1 wrote 99 false", "1 read 0 true");
        }
    }

    @Test
    void withoutFencingAnyTokenWrites() throws IOException {
        try (ChaosRegister register = ChaosRegister.open(false);
                ChaosRegisterClient client = new ChaosRegisterClient(register.port(), 1)) {
            assertThat(client.write("k", 10, 1).accepted()).isTrue();
            assertThat(client.write("k", 9, 2).accepted()).isTrue();
            assertThat(register.values()).containsEntry("k", 2L);
        }
    }
}
