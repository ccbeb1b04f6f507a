package io.distributedmutex.testkit.contract;

import static io.distributedmutex.testkit.internal.ContractClient.KEY;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static io.distributedmutex.testkit.internal.ContractClient.queueing;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import io.distributedmutex.testkit.internal.ContractClient;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Instances send each other messages, and a waiter learns to whom. */
abstract class MessageContract extends ContractPage {

    /** For subclasses. */
    MessageContract() {}

    @Test
    void aMessageReachesTheInstanceThatItIsSentToAndNoOther() {
        ContractClient sender = contract().open();
        ContractClient receiver = contract().open();
        ContractClient other = contract().open();

        assertTrue(sender.send(receiver.instance, "first"));
        assertTrue(other.send(receiver.instance, "second"));

        assertEquals(List.of("first", "second"), List.of(receiver.awaitMessage(), receiver.awaitMessage()));
        receiver.mustHaveNoMessage();
        sender.mustHaveNoMessage();
        other.mustHaveNoMessage();
    }

    @Test
    void anInstanceMaySendToItself() {
        ContractClient client = contract().open();
        assertTrue(client.send(client.instance, "to me"));
        assertEquals("to me", client.awaitMessage());
    }

    @Test
    void anyTextArrivesAsItWasSent() {
        ContractClient sender = contract().open();
        ContractClient receiver = contract().open();
        for (String text : List.of("", "\n", "a|b", "\u0000", "\u00e9 \u6F22 \uD83D\uDD12", "x".repeat(65_536))) {
            assertTrue(sender.send(receiver.instance, text));
            assertEquals(text, receiver.awaitMessage());
        }
    }

    @Test
    void aMessageToNobodyIsReceivedByNobody() {
        ContractClient sender = contract().open();
        assertFalse(sender.send(newToken().substring(0, 11), "anybody there?"));
        sender.mustHaveNoMessage();
    }

    @Test
    void aMessageIsNoGrant() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);
        waiter.queue(KEY, second);

        assertTrue(holder.send(waiter.instance, "1|1|" + second + "|" + KEY));

        waiter.awaitMessage();
        waiter.mustHaveNoPush();
        holder.release(KEY, first);
        waiter.awaitPush(KEY, second);
        waiter.release(KEY, second);
    }

    /** A store need not be able to; but then it says so. */
    @Test
    void aMessageToTheHolderOfAKeyReachesItAndNoOther() {
        ContractClient holder = contract().open();
        ContractClient other = contract().open();
        String token = holder.instance + newToken().substring(11);
        assertFalse(other.sendToHolder(KEY, "nobody"));
        holder.take(KEY, token);

        if (other.sendToHolder(KEY, "who are you?")) {
            assertEquals("who are you?", holder.awaitMessage());
        }

        holder.mustHaveNoMessage();
        other.mustHaveNoMessage();
        holder.release(KEY, token);
        assertFalse(other.sendToHolder(KEY, "too late"));
    }

    @Test
    void aRefusalNamesTheTokenThatOwnsTheKey() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String first = newToken();
        String second = newToken();
        holder.take(KEY, first);

        assertEquals(first, waiter.queue(KEY, second).ownerToken());

        holder.release(KEY, first);
        waiter.awaitPush(KEY, second);
        assertEquals(second, holder.mustNotGet(queueing(KEY, first)).ownerToken());
        holder.cancel(KEY, first);
        waiter.release(KEY, second);
    }

    @Test
    void aKeyOfAForeignClientOrOfNobodyIsOwnedByNoToken() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        String kept = newToken();
        holder.take(KEY, kept);
        holder.keep(KEY, kept, ContractClient.LEASE);
        assertNull(waiter.mustNotGet(ContractClient.trying(KEY, newToken())).ownerToken());

        contract().putForeignValue(KEY, Duration.ofMinutes(7));
        assertNull(waiter.mustNotGet(ContractClient.trying(KEY, newToken())).ownerToken());
        contract().deleteKey(KEY);
    }
}
