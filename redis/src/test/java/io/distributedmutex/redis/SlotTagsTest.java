package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.lettuce.core.cluster.SlotHash;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class SlotTagsTest {

    @Test
    void everySlotHasAShortTagThatHashesToIt() {
        for (int slot = 0; slot < SlotHash.SLOT_COUNT; slot++) {
            String tag = SlotTags.tagOf(slot);
            assertThat(SlotHash.getSlot(tag.getBytes(StandardCharsets.US_ASCII)))
                    .as("slot of tag %s", tag)
                    .isEqualTo(slot);
            assertThat(tag).matches("[0-9a-z]{1,4}");
        }
    }

    @Test
    void theTableNeverChanges() {
        // Instances of different versions meet at the companions, whose names these are part of.
        assertThat(SlotTags.tagOf(0)).isEqualTo("1bz");
        assertThat(SlotTags.tagOf(5061)).isEqualTo("bar");
        assertThat(SlotTags.tagOf(SlotHash.SLOT_COUNT - 1)).isEqualTo("hia");
        StringBuilder all = new StringBuilder();
        for (int slot = 0; slot < SlotHash.SLOT_COUNT; slot++) {
            all.append(SlotTags.tagOf(slot)).append(' ');
        }
        assertThat(all.toString().hashCode()).isEqualTo(-1179725027);
    }
}
