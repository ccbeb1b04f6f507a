package io.distributedmutex.jdbc;

import io.zonky.test.db.postgres.embedded.EmbeddedPostgres;
import java.io.IOException;
import java.io.UncheckedIOException;

/** A PostgreSQL server, one for all tests of this JVM. */
record PostgresDatabase(int port) implements Database {

    static PostgresDatabase shared() {
        return Server.DATABASE;
    }

    @Override
    public FenceDialect dialect() {
        return FenceDialect.POSTGRESQL;
    }

    @Override
    public String url() {
        return "jdbc:postgresql://localhost:" + port + "/postgres";
    }

    @Override
    public String user() {
        return "postgres";
    }

    @Override
    public String sessionQuery() {
        return "SELECT pg_backend_pid()";
    }

    @Override
    public String waitingQuery() {
        return "SELECT 1 FROM pg_stat_activity WHERE pid = %d AND wait_event_type = 'Lock'";
    }

    @Override
    public String[] newUser(String name) {
        return new String[] {
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = '" + name + "') THEN" + " DROP OWNED BY "
                    + name + "; DROP ROLE " + name + "; END IF; END $$",
            "CREATE USER " + name + " PASSWORD 'secret'"
        };
    }

    private static final class Server {

        static final PostgresDatabase DATABASE = start();

        private static PostgresDatabase start() {
            try {
                EmbeddedPostgres server = EmbeddedPostgres.builder().start();
                Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server), "stop-postgresql"));
                return new PostgresDatabase(server.getPort());
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }

        private static void stop(EmbeddedPostgres server) {
            try {
                server.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
