package io.distributedmutex.springboot.starter;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.w3c.dom.Document;

/** The dependency that docs/spring-boot.md tells to add is this module. */
class DocumentedDependencyTest {

    @Test
    void theDependencyOfTheDocsIsThisModule() throws Exception {
        String page = Files.readString(Path.of("../docs/spring-boot.md"));
        String example = page.substring(page.indexOf("```xml\n") + "```xml\n".length());
        Document dependency = xml(example.substring(0, example.indexOf("```")));
        Document pom = xml(Files.readString(Path.of("pom.xml")));

        // The first of each is the parent's, whose group and version this module shares.
        assertThat(Stream.of("groupId", "artifactId", "version").map(part -> text(dependency, part, 0)))
                .containsExactly(text(pom, "groupId", 0), text(pom, "artifactId", 1), text(pom, "version", 0));
    }

    private static Document xml(String text) throws Exception {
        return DocumentBuilderFactory.newInstance()
                .newDocumentBuilder()
                .parse(new ByteArrayInputStream(text.getBytes(StandardCharsets.UTF_8)));
    }

    private static String text(Document document, String element, int index) {
        return document.getElementsByTagName(element).item(index).getTextContent();
    }
}
