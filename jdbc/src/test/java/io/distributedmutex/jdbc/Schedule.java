package io.distributedmutex.jdbc;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.testing.Await;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * Two to four transactions in a random order of their steps, and a model that knows what must come of each step.
 *
 * <p>A transaction checks its token for one or two resources, reads the account of each, writes what it read plus one, and
 * commits or rolls back. The model: who checked a resource has it until its transaction ends; whoever else checks it
 * waits, and one of those who wait is next; a token is accepted unless a greater one was committed, and who is refused
 * rolls back at once. So each read gives what was last committed, and at the end each account has as much as there were
 * commits: nothing is lost.
 */
final class Schedule {

    static final int MOST_TRANSACTIONS = 4;

    private static final int RESOURCES = 2;

    /**
     * What accepts or refuses tokens: one of the ways that the docs show, or one that is broken to see whether this
     * finds it.
     */
    interface Fence {
        boolean accepts(Connection connection, int account, long token) throws SQLException;

        /** A query of the token that was committed for an account. */
        String committedToken(int account);
    }

    private enum Action {
        CHECK,
        READ,
        WRITE,
        COMMIT,
        ROLLBACK
    }

    private record Step(Action action, int resource) {}

    private final class Transaction {
        final Session session;
        final long token;
        final List<Step> steps = new ArrayList<>();
        final long[] read = new long[RESOURCES];
        final boolean[] wrote = new boolean[RESOURCES];

        /** The check that waits for another transaction, if one does. */
        @Nullable
        Future<Outcome> waiting;

        int waitsFor;

        Transaction(Session session) {
            this.session = session;
            this.token = 1 + random.nextInt(4);
            List<Integer> used = random.nextInt(3) == 0 ? List.of(0, 1) : List.of(random.nextInt(RESOURCES));
            used.forEach(resource -> steps.add(new Step(Action.CHECK, resource)));
            for (int resource : used) {
                if (random.nextInt(4) != 0) {
                    steps.add(new Step(Action.READ, resource));
                    steps.add(new Step(Action.WRITE, resource));
                }
            }
            steps.add(new Step(random.nextInt(4) == 0 ? Action.ROLLBACK : Action.COMMIT, 0));
        }
    }

    private enum Outcome {
        ACCEPTED,
        REFUSED,
        /** The database rolled the transaction back, since two waited for each other. */
        DEADLOCK
    }

    private final Database database;
    private final Connection watcher;
    private final Fence fence;
    private final SplittableRandom random;

    /**
     * InnoDB may lock the gap in which a row was that a rollback took away: then who makes the row of another resource
     * waits too.
     */
    private final boolean waitsForNeighbours;

    private final List<Transaction> open = new ArrayList<>();
    private final @Nullable Transaction[] holders = new Transaction[RESOURCES];
    private final long[] committedToken = new long[RESOURCES];
    private final long[] committedBalance = new long[RESOURCES];
    private final StringBuilder story = new StringBuilder();
    private int refusals;
    private int waits;
    private int deadlocks;

    Schedule(Database database, Connection watcher, List<Session> sessions, Fence fence, long seed) {
        this.database = database;
        this.watcher = watcher;
        this.fence = fence;
        this.random = new SplittableRandom(seed);
        this.waitsForNeighbours = database.dialect() == FenceDialect.MYSQL;
        int transactions = 2 + random.nextInt(MOST_TRANSACTIONS - 1);
        sessions.subList(0, transactions).forEach(session -> open.add(new Transaction(session)));
    }

    int refusals() {
        return refusals;
    }

    int waits() {
        return waits;
    }

    int deadlocks() {
        return deadlocks;
    }

    /** Runs all to the end. */
    void run() throws SQLException {
        database.execute("DELETE FROM fencing_token", "UPDATE account SET balance = 0, fence = 0");
        try {
            while (!open.isEmpty()) {
                List<Transaction> runnable =
                        open.stream().filter(each -> each.waiting == null).toList();
                if (runnable.isEmpty()) {
                    assertThat(waitsForNeighbours)
                            .as("somebody waits for nobody")
                            .isTrue();
                    awaitAny(open);
                } else {
                    step(runnable.get(random.nextInt(runnable.size())));
                }
                endThoseWhoNeedNotWait();
            }
            for (int resource = 0; resource < RESOURCES; resource++) {
                assertThat(Math.max(Database.query(watcher, fence.committedToken(resource)), 0))
                        .as("token of %d", resource)
                        .isEqualTo(committedToken[resource]);
                assertThat(Database.query(watcher, "SELECT balance FROM account WHERE id = " + resource))
                        .as("balance of %d", resource)
                        .isEqualTo(committedBalance[resource]);
            }
        } catch (AssertionError | SQLException e) {
            throw new AssertionError("after" + story + ": " + e.getMessage(), e);
        }
    }

    private void step(Transaction transaction) throws SQLException {
        Step step = transaction.steps.remove(0);
        story.append(' ')
                .append(open.indexOf(transaction))
                .append('/')
                .append(transaction.token)
                .append(':');
        story.append(step.action).append('-').append(step.resource);
        Session session = transaction.session;
        switch (step.action) {
            case CHECK -> check(transaction, step.resource);
            case READ -> {
                long balance = session.call(() -> Database.query(
                        session.connection(), "SELECT balance FROM account WHERE id = " + step.resource));
                assertThat(balance).as("what was read").isEqualTo(committedBalance[step.resource]);
                transaction.read[step.resource] = balance;
            }
            case WRITE -> {
                session.call(() -> write(session.connection(), step.resource, transaction.read[step.resource] + 1));
                transaction.wrote[step.resource] = true;
            }
            case COMMIT -> {
                session.commit();
                for (int resource = 0; resource < RESOURCES; resource++) {
                    if (holders[resource] == transaction) {
                        committedToken[resource] = transaction.token;
                        committedBalance[resource] += transaction.wrote[resource] ? 1 : 0;
                    }
                }
                end(transaction);
            }
            case ROLLBACK -> {
                session.rollback();
                end(transaction);
            }
        }
    }

    private void check(Transaction transaction, int resource) {
        Callable<Outcome> step = () -> {
            Connection connection = transaction.session.connection();
            try {
                return fence.accepts(connection, resource, transaction.token) ? Outcome.ACCEPTED : Outcome.REFUSED;
            } catch (SQLException e) {
                if ("40001".equals(e.getSQLState())) {
                    connection.rollback();
                    return Outcome.DEADLOCK;
                }
                throw e;
            }
        };
        if (holders[resource] == null && !waitsForNeighbours) {
            judge(transaction, resource, transaction.session.call(step));
            return;
        }
        Future<Outcome> waiting = transaction.session.begin(step);
        transaction.waiting = waiting;
        transaction.waitsFor = resource;
        if (holders[resource] != null) {
            waits++;
        }
        if (random.nextBoolean()) {
            transaction.session.awaitWaiting(watcher, waiting);
        }
    }

    private void judge(Transaction transaction, int resource, Outcome outcome) {
        story.append(' ').append(open.indexOf(transaction)).append('=').append(outcome);
        if (outcome == Outcome.DEADLOCK) {
            deadlocks++;
            end(transaction);
            return;
        }
        boolean expected = transaction.token >= committedToken[resource];
        assertThat(outcome).isEqualTo(expected ? Outcome.ACCEPTED : Outcome.REFUSED);
        if (expected) {
            holders[resource] = transaction;
        } else {
            refusals++;
            transaction.session.rollback();
            end(transaction);
        }
    }

    /** The transaction has ended: each resource that it had goes to one of those who wait for it. */
    private void end(Transaction transaction) {
        open.remove(transaction);
        for (int resource = 0; resource < RESOURCES; resource++) {
            if (holders[resource] == transaction) {
                holders[resource] = null;
                passOn(resource);
            }
        }
    }

    private void passOn(int resource) {
        List<Transaction> waiting = open.stream()
                .filter(each -> each.waiting != null && each.waitsFor == resource)
                .toList();
        while (holders[resource] == null && !waiting.isEmpty() && !waitsForNeighbours) {
            List<Transaction> candidates = waiting;
            Transaction next = awaitAny(candidates);
            Outcome outcome = outcome(next);
            next.waiting = null;
            judge(next, resource, outcome);
            waiting = candidates.stream().filter(each -> each != next).toList();
        }
    }

    private static Transaction awaitAny(List<Transaction> candidates) {
        Await.until("somebody's check goes on", () -> candidates.stream().anyMatch(each -> isDone(each)));
        return candidates.stream().filter(each -> isDone(each)).findFirst().orElseThrow();
    }

    /**
     * Whoever waits for a holder still does, unless the database has ended it, or has refused it for what is committed.
     * Who waited for a neighbour may go on.
     */
    private void endThoseWhoNeedNotWait() {
        for (Transaction transaction : List.copyOf(open)) {
            if (isDone(transaction)) {
                Outcome outcome = outcome(transaction);
                if (holders[transaction.waitsFor] != null) {
                    assertThat(outcome).as("whoever waits still does").isNotEqualTo(Outcome.ACCEPTED);
                }
                transaction.waiting = null;
                judge(transaction, transaction.waitsFor, outcome);
            }
        }
    }

    private static boolean isDone(Transaction transaction) {
        return transaction.waiting != null && transaction.waiting.isDone();
    }

    private static Outcome outcome(Transaction transaction) {
        Future<Outcome> waiting = transaction.waiting;
        if (waiting == null) {
            throw new AssertionError("it does not wait");
        }
        try {
            return waiting.get();
        } catch (ExecutionException | InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    private static boolean write(Connection connection, int resource, long balance) throws SQLException {
        try (PreparedStatement statement = connection.prepareStatement("UPDATE account SET balance = ? WHERE id = ?")) {
            statement.setLong(1, balance);
            statement.setInt(2, resource);
            return statement.executeUpdate() == 1;
        }
    }

    static void makeAccounts(Database database) throws SQLException {
        database.reset();
        for (int id : IntStream.range(0, RESOURCES).toArray()) {
            database.execute("INSERT INTO account VALUES (" + id + ", 0, 0)");
        }
    }
}
