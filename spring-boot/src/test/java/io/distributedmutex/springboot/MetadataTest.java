package io.distributedmutex.springboot;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.InputStream;
import java.net.URL;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** What an editor shows of the properties. */
class MetadataTest {

    @Test
    void eachPropertyIsDescribedAndEachDurationHasADefault() throws IOException {
        List<JsonNode> ours = new ArrayList<>();
        for (JsonNode property : read().get("properties")) {
            if (property.get("name").asString().startsWith("distributed-mutex.")) {
                ours.add(property);
            }
        }
        assertThat(ours).hasSizeGreaterThanOrEqualTo(17).allSatisfy(property -> {
            assertThat(property.path("description").asString(""))
                    .as("%s", property)
                    .endsWith(".");
            if (property.get("type").asString().equals("java.time.Duration")) {
                assertThat(property.path("defaultValue").asString(""))
                        .as("%s", property)
                        .isNotEmpty();
            }
        });
    }

    private static JsonNode read() throws IOException {
        String path = "META-INF/spring-configuration-metadata.json";
        for (URL found : Collections.list(MetadataTest.class.getClassLoader().getResources(path))) {
            try (InputStream in = Objects.requireNonNull(found).openStream()) {
                JsonNode metadata = JsonMapper.shared().readTree(in);
                if (metadata.toString().contains("\"distributed-mutex.lease-time\"")) {
                    return metadata;
                }
            }
        }
        throw new AssertionError("no metadata of ours on the class path");
    }
}
