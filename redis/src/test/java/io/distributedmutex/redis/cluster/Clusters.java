package io.distributedmutex.redis.cluster;

import io.distributedmutex.testkit.server.EmbeddedCluster;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.util.List;
import java.util.stream.Collectors;

/** What tests on clusters share. */
final class Clusters {

    /** As docs/operations.md says it. */
    private static final String LEAST_RIGHTS =
            "~lock:* ~dmutex:* resetchannels &dmutex:grants:* &dmutex:instance:* -@all"
                    + " +eval +evalsha +get +set +del +exists +pttl +pexpire +zadd +zscore +zpopmin +zrem +zcard +hget +hset +hdel"
                    + " +xadd +xsetid +setrange +getrange +publish +subscribe +unsubscribe +hello +auth +ping +info +scan"
                    + " +cluster|slots +asking";

    /** From Redis 7.0 on. */
    private static final String OF_SHARDED_CHANNELS = " +spublish +ssubscribe +sunsubscribe +pubsub|shardnumsub";

    /** Before that. */
    private static final String OF_CLASSIC_CHANNELS = " +pubsub|numsub";

    private Clusters() {}

    /** Gives each node a user "app" who may do what the library needs, and nothing else. */
    static EmbeddedCluster withUser(EmbeddedCluster cluster) {
        for (EmbeddedRedis node : cluster.nodes()) {
            String rights = LEAST_RIGHTS + (isSharded(node) ? OF_SHARDED_CHANNELS : OF_CLASSIC_CHANNELS);
            node.command(("ACL SETUSER app on >secret resetkeys " + rights).split(" "));
        }
        return cluster;
    }

    static boolean isSharded(EmbeddedRedis node) {
        return !String.valueOf(node.command("COMMAND", "INFO", "SPUBLISH")).equals("[null]");
    }

    /** For the user "app". */
    static String leastUri(EmbeddedCluster cluster) {
        return uri(cluster).replace("//", "//app:secret@");
    }

    /** All nodes, by the ports that clients reach them by. */
    static String uri(EmbeddedCluster cluster) {
        return "redis-cluster://"
                + cluster.nodes().stream()
                        .map(node -> node.host() + ":" + cluster.port(node))
                        .collect(Collectors.joining(","));
    }

    /** The installed server, or the one that the property names: one that has sharded channels. */
    static RedisExecutable installed() {
        List<RedisExecutable> all = EmbeddedRedis.executables();
        return all.get(all.size() - 1);
    }

    /** A key that is on a master. */
    static String keyOn(EmbeddedCluster cluster, EmbeddedRedis master, String name) {
        for (int i = 0; ; i++) {
            String key = name + i;
            if (cluster.masterOf(cluster.slotOf("lock:" + key)) == master) {
                return key;
            }
        }
    }
}
