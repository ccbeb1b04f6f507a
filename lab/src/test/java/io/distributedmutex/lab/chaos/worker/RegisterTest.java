package io.distributedmutex.lab.chaos.worker;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.lab.chaos.history.Register;
import java.io.IOException;
import org.junit.jupiter.api.Test;

/** What the locks of the chaos guard. */
class RegisterTest {

    @Test
    void aSmallerTokenThanItHasSeenIsRefusedAlsoIfThatOnlyRead() throws IOException {
        try (Register register = Register.open(true);
                RegisterClient first = new RegisterClient(register.port(), 1);
                RegisterClient second = new RegisterClient(register.port(), 2)) {
            assertThat(first.read("k", 10)).isEqualTo(new RegisterClient.Answer(true, 0));
            assertThat(first.write("k", 10, 1).accepted()).isTrue();
            assertThat(second.read("k", 12)).isEqualTo(new RegisterClient.Answer(true, 1));
            assertThat(first.write("k", 10, 99)).isEqualTo(new RegisterClient.Answer(false, 12));
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
        try (Register register = Register.open(false);
                RegisterClient client = new RegisterClient(register.port(), 1)) {
            assertThat(client.write("k", 10, 1).accepted()).isTrue();
            assertThat(client.write("k", 9, 2).accepted()).isTrue();
            assertThat(register.values()).containsEntry("k", 2L);
        }
    }
}
