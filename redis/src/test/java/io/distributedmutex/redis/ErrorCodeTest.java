package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.distributedmutex.StoreRefusedException;
import io.distributedmutex.StoreRefusedException.Reason;
import io.lettuce.core.RedisCommandExecutionException;
import io.lettuce.core.RedisURI;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The table of docs/operations.md is true, and complete. */
class ErrorCodeTest {

    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| (`[A-Z]{3,}.*?) \\| ([A-Z_]+) \\| (yes|no) \\| .+ \\|$");

    private static final Pattern SAID = Pattern.compile("`([^`]+)`");

    record Row(String said, Reason reason, boolean passes) {}

    static List<Row> rows() throws IOException {
        Path table = Path.of("").toAbsolutePath().resolveSibling("docs").resolve("operations.md");
        List<Row> rows = new ArrayList<>();
        Matcher row = ROW.matcher(Files.readString(table));
        while (row.find()) {
            Matcher said = SAID.matcher(row.group(1));
            while (said.find()) {
                rows.add(new Row(
                        said.group(1),
                        Reason.valueOf(row.group(2)),
                        row.group(3).equals("yes")));
            }
        }
        return rows;
    }

    @ParameterizedTest
    @MethodSource("rows")
    void eachErrorIsWhatTheTableSays(Row row) {
        RedisErrors errors = new RedisErrors(RedisURI.create("redis://example.com:6379"), 2000);
        Request request = Request.script(Script.RELEASE, "k", new Arguments());

        assertThat(errors.of(new RedisCommandExecutionException(row.said() + " and more words"), request, true))
                .isInstanceOfSatisfying(StoreRefusedException.class, refused -> {
                    assertThat(refused.reason()).isEqualTo(row.reason());
                    assertThat(refused.isTransient()).isEqualTo(row.passes());
                    assertThat(refused.isSurelyNotSent()).isFalse();
                });
    }

    @Test
    void eachErrorIsInTheTable() throws IOException {
        Set<ErrorCode> missing = EnumSet.allOf(ErrorCode.class);
        for (Row row : rows()) {
            missing.remove(ErrorCode.of(RedisErrors.codeOf(row.said()), row.said()));
        }

        assertThat(missing).isEmpty();
    }
}
