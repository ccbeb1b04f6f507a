package io.distributedmutex;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;

import java.time.Duration;
import java.util.function.BiFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;

/** Options that cannot be honoured are refused when they are built, with the numbers in the message. */
class LockOptionsTest {

    private static final Duration MILLISECOND = Duration.ofMillis(1);
    private static final Duration YEAR = Duration.ofDays(365);

    /** Each duration, with what its bounds must be. */
    private enum Option {
        LEASE_TIME("leaseTime", Duration.ofMillis(10), YEAR, LockOptions.Builder::leaseTime),
        WAIT_TIME("waitTime", Duration.ZERO, YEAR, LockOptions.Builder::waitTime),
        RETRY_INTERVAL(
                "retryInterval", Duration.ofMillis(10), Duration.ofMinutes(1), LockOptions.Builder::retryInterval),
        MAXIMUM_HOLD("autoRenew (maximum hold)", Duration.ZERO, YEAR, LockOptions.Builder::autoRenew),
        MINIMUM_HOLD("minimumHold", Duration.ZERO, YEAR, LockOptions.Builder::minimumHold);

        final String shownName;
        final Duration least;
        final Duration most;
        final BiFunction<LockOptions.Builder, Duration, LockOptions.Builder> setter;

        Option(
                String shownName,
                Duration least,
                Duration most,
                BiFunction<LockOptions.Builder, Duration, LockOptions.Builder> setter) {
            this.shownName = shownName;
            this.least = least;
            this.most = most;
            this.setter = setter;
        }

        /** Builds options in which nothing but this duration can be wrong. */
        LockOptions build(Duration value) {
            LockOptions.Builder builder = LockOptions.builder();
            if (this == MINIMUM_HOLD) {
                builder.leaseTime(YEAR);
            }
            return setter.apply(builder, value).build();
        }

        Duration of(LockOptions options) {
            return switch (this) {
                case LEASE_TIME -> options.leaseTime();
                case WAIT_TIME -> options.waitTime();
                case RETRY_INTERVAL -> options.retryInterval();
                case MAXIMUM_HOLD -> options.maximumHold();
                case MINIMUM_HOLD -> options.minimumHold();
            };
        }

        String bounds() {
            String shownLeast = least.toMillis() + " ms";
            String shownMost = most.equals(YEAR) ? "365 days" : most.toMillis() + " ms";
            return shownName + " must be from " + shownLeast + " to " + shownMost + ", but is ";
        }
    }

    @Test
    void theDefaultsAreThoseOfTheOriginal() {
        LockOptions options = LockOptions.defaults();
        assertThat(options.leaseTime()).isEqualTo(Duration.ofMinutes(1));
        assertThat(options.waitTime()).isEqualTo(Duration.ofMillis(20 * 250));
        assertThat(options.retryInterval()).isEqualTo(Duration.ofMillis(250));
        assertThat(options.maximumHold()).isZero();
        assertThat(options.minimumHold()).isZero();
        assertThat(options.renews()).isFalse();
        assertThat(LockOptions.builder().build()).isEqualTo(options);
    }

    @ParameterizedTest
    @EnumSource
    void bothBoundsOfADurationAreAllowed(Option option) {
        assertThat(option.of(option.build(option.least))).isEqualTo(option.least);
        assertThat(option.of(option.build(option.most))).isEqualTo(option.most);
    }

    @ParameterizedTest
    @EnumSource
    void aMillisecondBelowTheLowerBoundIsRefusedAndBothNumbersAreNamed(Option option) {
        Duration below = option.least.minus(MILLISECOND);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(below))
                .withMessage(option.bounds() + below.toMillis() + " ms");
    }

    @ParameterizedTest
    @EnumSource
    void aMillisecondAboveTheUpperBoundIsRefusedAndBothNumbersAreNamed(Option option) {
        Duration above = option.most.plus(MILLISECOND);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(above))
                .withMessage(option.bounds() + above.toMillis() + " ms");
    }

    @ParameterizedTest
    @EnumSource
    void aFractionOfAMillisecondIsRoundedToWhereItIsSafe(Option option) {
        Duration whole = Duration.ofMinutes(1);
        boolean down = option == Option.MAXIMUM_HOLD;
        for (int nanos : new int[] {1, 500_000, 999_999}) {
            Duration above = option == Option.RETRY_INTERVAL ? whole.minusMillis(1) : whole;
            assertThat(option.of(option.build(above.plusNanos(nanos))))
                    .as("%d ns more", nanos)
                    .isEqualTo(down ? above : above.plusMillis(1));
        }
        assertThat(option.of(option.build(whole))).isEqualTo(whole);
    }

    @ParameterizedTest
    @EnumSource
    void aFractionBeyondABoundIsRefused(Option option) {
        Duration above = option.most.plusNanos(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(above))
                .withMessage(option.bounds() + above.toNanos() + " ns");
        Duration below = option.least.minusNanos(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(below))
                .withMessage(option.bounds() + below.toNanos() + " ns");
    }

    /** What is equal, or in order, before it is rounded is so afterwards: no contradiction comes from rounding. */
    @Test
    void durationsThatFitEachOtherDoSoWhenRounded() {
        Duration odd = Duration.ofSeconds(10).plusNanos(400_000);
        LockOptions options = LockOptions.builder()
                .leaseTime(odd)
                .autoRenew(odd)
                .minimumHold(odd)
                .build();
        assertThat(options.leaseTime()).isEqualTo(Duration.ofMillis(10_001));
        assertThat(options.maximumHold()).isEqualTo(Duration.ofMillis(10_001));
        assertThat(options.minimumHold()).isEqualTo(Duration.ofMillis(10_001));
        assertThat(options.toBuilder().build()).isEqualTo(options);
    }

    /** Rounded to zero it would turn renewal off. */
    @Test
    void aMaximumHoldOfLessThanAMillisecondIsRefused() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Option.MAXIMUM_HOLD.build(Duration.ofNanos(999_999)))
                .withMessage("autoRenew (maximum hold) of 999999 ns is shorter than the leaseTime of 60000 ms");
    }

    @ParameterizedTest
    @EnumSource
    void aNegativeDurationIsRefused(Option option) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(Duration.ofNanos(-1)))
                .withMessage(option.bounds() + "-1 ns");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(Duration.ofDays(-2)))
                .withMessage(option.bounds() + "-2 days");
    }

    @ParameterizedTest
    @EnumSource
    void theLongestAndTheShortestDurationThereAreAreRefusedWithoutOverflow(Option option) {
        Duration longest = Duration.ofSeconds(Long.MAX_VALUE, 999_999_999);
        Duration shortest = Duration.ofSeconds(Long.MIN_VALUE);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(longest))
                .withMessage(option.bounds() + longest);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(shortest))
                .withMessage(option.bounds() + shortest);
    }

    @ParameterizedTest
    @EnumSource
    void aDurationThatOverflowsLongNanosecondsIsRefused(Option option) {
        Duration centuries = Duration.ofDays(365 * 300);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> option.build(centuries))
                .withMessage(option.bounds() + centuries);
    }

    @ParameterizedTest
    @EnumSource
    void nullIsRefusedByName(Option option) {
        assertThatNullPointerException().isThrownBy(() -> option.build(null)).withMessageContaining(option.shownName);
    }

    @Test
    void onlyTheWaitTimeAndTheHoldsMayBeZero() {
        assertThatIllegalArgumentException().isThrownBy(() -> Option.LEASE_TIME.build(Duration.ZERO));
        assertThatIllegalArgumentException().isThrownBy(() -> Option.RETRY_INTERVAL.build(Duration.ZERO));
        assertThat(Option.WAIT_TIME.build(Duration.ZERO).waitTime()).isZero();
        assertThat(Option.MAXIMUM_HOLD.build(Duration.ZERO).renews()).isFalse();
        assertThat(Option.MINIMUM_HOLD.build(Duration.ZERO).minimumHold()).isZero();
    }

    static Stream<Arguments> contradictions() {
        return Stream.of(
                Arguments.of(
                        "a lease too short to be renewed",
                        LockOptions.builder().leaseTime(Duration.ofMillis(299)).autoRenew(Duration.ofMinutes(5)),
                        "autoRenew needs a leaseTime of at least 300 ms so that a lost renewal can be repeated,"
                                + " but leaseTime is 299 ms"),
                Arguments.of(
                        "a maximum hold shorter than the first lease",
                        LockOptions.builder()
                                .leaseTime(Duration.ofMillis(30_000))
                                .autoRenew(Duration.ofMillis(29_999)),
                        "autoRenew (maximum hold) of 29999 ms is shorter than the leaseTime of 30000 ms"),
                Arguments.of(
                        "a minimum hold longer than a dead holder's lease",
                        LockOptions.builder()
                                .leaseTime(Duration.ofMillis(10_000))
                                .minimumHold(Duration.ofMillis(10_001)),
                        "minimumHold of 10001 ms is longer than the leaseTime of 10000 ms:"
                                + " a holder that dies could not honour it"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("contradictions")
    void twoDurationsThatContradictEachOtherAreRefusedAndBothAreNamed(
            String what, LockOptions.Builder builder, String message) {
        assertThatIllegalArgumentException().isThrownBy(builder::build).withMessage(message);
    }

    @Test
    void durationsThatJustFitEachOtherAreAllowed() {
        Duration shortestRenewed = LockOptions.MINIMUM_RENEWED_LEASE_TIME;
        LockOptions options = LockOptions.builder()
                .leaseTime(shortestRenewed)
                .autoRenew(shortestRenewed)
                .minimumHold(shortestRenewed)
                .build();
        assertThat(options.renews()).isTrue();
        assertThat(shortestRenewed).isEqualTo(Duration.ofMillis(300));
    }

    @Test
    void aLeaseThatIsNotRenewedMayBeShorterThanOneThatIs() {
        assertThatCode(() -> LockOptions.builder()
                        .leaseTime(LockOptions.MINIMUM_LEASE_TIME)
                        .build())
                .doesNotThrowAnyException();
    }

    @Test
    void whatIsCheckedIsTheWholeNotTheOrderOfTheCalls() {
        LockOptions options = LockOptions.builder()
                .minimumHold(Duration.ofMinutes(9))
                .autoRenew(Duration.ofMinutes(10))
                .leaseTime(Duration.ofMinutes(10))
                .build();
        assertThat(options.minimumHold()).isEqualTo(Duration.ofMinutes(9));
        assertThat(options.maximumHold()).isEqualTo(Duration.ofMinutes(10));
    }

    @Test
    void theRecordItselfChecksToo() {
        Duration second = Duration.ofSeconds(1);
        assertThatIllegalArgumentException()
                .isThrownBy(() ->
                        new LockOptions(second, second, second, Duration.ZERO, second.plus(MILLISECOND), OnLost.THROW))
                .withMessageContaining("1001 ms")
                .withMessageContaining("1000 ms");
    }

    @Test
    void aBuilderFromOptionsChangesWhatItIsToldAndLeavesTheOptionsAlone() {
        LockOptions from = new LockOptions(
                Duration.ofSeconds(10),
                Duration.ofSeconds(2),
                Duration.ofMillis(100),
                Duration.ofMinutes(3),
                Duration.ofSeconds(4),
                OnLost.INTERRUPT);
        assertThat(from.toBuilder().build()).isEqualTo(from);
        assertThat(from.toBuilder().waitTime(Duration.ofSeconds(7)).build())
                .isEqualTo(new LockOptions(
                        Duration.ofSeconds(10),
                        Duration.ofSeconds(7),
                        Duration.ofMillis(100),
                        Duration.ofMinutes(3),
                        Duration.ofSeconds(4),
                        OnLost.INTERRUPT));
        assertThat(from.waitTime()).isEqualTo(Duration.ofSeconds(2));
    }
}
