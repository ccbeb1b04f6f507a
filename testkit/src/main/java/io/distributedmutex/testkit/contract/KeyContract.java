package io.distributedmutex.testkit.contract;

import static io.distributedmutex.spi.Ownership.HELD;
import static io.distributedmutex.testkit.internal.ContractClient.newToken;
import static org.junit.jupiter.api.Assertions.assertEquals;

import io.distributedmutex.testkit.internal.ContractClient;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Any string is a key, and different strings are different keys. */
abstract class KeyContract extends MessageContract {

    /** All different, and each of a kind that has harmed a lock library. */
    private static List<String> oddKeys() {
        return List.of(
                "a",
                "A",
                "title",
                "TITLE",
                "t\u0131tle",
                "0",
                " ",
                "  ",
                "a b",
                " a",
                "a ",
                "a\nb",
                "a\r\nb",
                "\t",
                "\u0000",
                "{a}",
                "{a}b",
                "{}",
                "{}a",
                "{",
                "}",
                "}{",
                "{a",
                "{a}{b}",
                "{{a}}",
                "a|b|c",
                "|",
                "a:b:c",
                ":",
                "*",
                "[a-z]?\\*",
                "%s%n",
                "'; DROP TABLE locks; --",
                "../../etc/passwd",
                "\u00e9",
                "e\u0301",
                "\uD83D\uDD12\uD83D\uDC69\u200D\uD83D\uDCBB",
                "\u6F22\u5B57",
                "\u0627\u0644\u0639\u0631\u0628\u064A\u0629",
                "x".repeat(512),
                "x".repeat(511) + "y",
                "\uD83D\uDD12".repeat(256));
    }

    @Test
    void oddKeysAreDifferentKeys() {
        ContractClient client = contract().open();
        Map<String, String> tokens = new LinkedHashMap<>();
        for (String key : oddKeys()) {
            String token = newToken();
            tokens.put(key, token);
            client.take(key, token);
        }
        tokens.forEach((key, token) -> {
            assertEquals(key, client.mustBeHeld(key).key());
            assertEquals(HELD, client.release(key, token), key);
        });
    }

    @Test
    void oddKeysAreHandedOn() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        for (String key : oddKeys()) {
            String first = newToken();
            String second = newToken();
            holder.take(key, first);
            waiter.queue(key, second);
            holder.release(key, first);
            // Asserts that the push names the key exactly.
            waiter.awaitPush(key, second);
            assertEquals(HELD, waiter.release(key, second), key);
        }
    }

    @Test
    void oddKeysAreCancelled() {
        ContractClient holder = contract().open();
        ContractClient waiter = contract().open();
        for (String key : oddKeys()) {
            String first = newToken();
            String second = newToken();
            holder.take(key, first);
            waiter.queue(key, second);
            waiter.cancel(key, second);
            assertEquals(0, holder.waiters(key), key);
            assertEquals(HELD, holder.release(key, first), key);
        }
    }

    @Test
    void theDefaultLocaleChangesNothing() {
        Locale before = Locale.getDefault();
        try {
            // Turkish has two letters i; this Arabic writes numbers in other digits.
            for (String locale : List.of("tr-TR", "ar-EG-u-nu-arab")) {
                Locale.setDefault(Locale.forLanguageTag(locale));
                oddKeysAreHandedOn();
            }
        } finally {
            Locale.setDefault(before);
        }
    }
}
