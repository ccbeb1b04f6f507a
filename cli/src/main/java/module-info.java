/** The {@code dmutex} command-line tool. */
module io.distributedmutex.cli {
    requires info.picocli;
    requires io.distributedmutex.redis;
    requires io.distributedmutex.testkit;
    requires static org.jspecify;

    opens io.distributedmutex.cli to
            info.picocli;
}
