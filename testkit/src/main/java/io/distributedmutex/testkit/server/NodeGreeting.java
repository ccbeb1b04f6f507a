package io.distributedmutex.testkit.server;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What a node of a cluster says first when it has connected to another: it names itself, by its own port or the one that it
 * announces. Clients say nothing of the kind.
 */
final class NodeGreeting {

    /** How each message on the cluster bus begins (clusterMsg in cluster.h): 4 bytes, length (4), version (2), port (2). */
    private static final String BUS_SIGNATURE = "RCmb";

    private static final int BUS_PORT_AT = 10;

    /** What a replica says to its master after PING and AUTH (syncWithMaster in replication.c). */
    private static final Pattern REPLICA =
            Pattern.compile("REPLCONF\r\n\\$14\r\nlistening-port\r\n\\$\\d+\r\n(\\d{1,5})\r\n");

    private NodeGreeting() {}

    /**
     * Returns the port by which a node names itself.
     *
     * @param saidFirst the first bytes of a connection, from position 0
     * @return empty if it was no node, or has not said it yet
     */
    static Optional<Integer> port(ByteBuffer saidFirst) {
        String text = StandardCharsets.ISO_8859_1.decode(saidFirst.duplicate()).toString();
        if (text.startsWith(BUS_SIGNATURE)) {
            boolean whole = text.length() >= BUS_PORT_AT + Short.BYTES;
            return whole ? Optional.of(Short.toUnsignedInt(saidFirst.getShort(BUS_PORT_AT))) : Optional.empty();
        }
        Matcher replica = REPLICA.matcher(text);
        return replica.find() ? Optional.of(Integer.valueOf(replica.group(1))) : Optional.empty();
    }
}
