package io.distributedmutex.lab.chaos.plan;

import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/** What a chaos run has in place of one Redis. Its text is what the user writes. */
public enum Topology {
    /** One server. */
    STANDALONE,
    /** A primary and two replicas, which three Sentinels watch. */
    SENTINEL,
    /** A cluster of three masters, each with a replica. */
    CLUSTER;

    @Override
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }

    private static List<String> texts() {
        return Arrays.stream(values()).map(Topology::toString).toList();
    }

    /** For picocli, which adds the option's name to the message. */
    public static final class Converter implements ITypeConverter<Topology> {

        @Override
        public Topology convert(String text) {
            return Arrays.stream(values())
                    .filter(topology -> topology.toString().equals(text))
                    .findFirst()
                    .orElseThrow(() -> new TypeConversionException(
                            "'" + text + "' is none of " + texts().stream().collect(Collectors.joining(", "))));
        }
    }

    /** For picocli's completion. */
    public static final class Candidates implements Iterable<String> {

        @Override
        public Iterator<String> iterator() {
            return texts().iterator();
        }
    }
}
