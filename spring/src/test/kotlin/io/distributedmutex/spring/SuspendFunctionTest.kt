package io.distributedmutex.spring

import io.distributedmutex.LeaseLostException
import io.distributedmutex.LockNotAcquiredException
import io.distributedmutex.testing.Await
import java.util.concurrent.atomic.AtomicBoolean
import java.util.concurrent.atomic.AtomicInteger
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.Job
import kotlinx.coroutines.awaitCancellation
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOf
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.launch
import kotlinx.coroutines.reactor.ReactorContext
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withContext
import kotlinx.coroutines.yield
import org.assertj.core.api.Assertions.assertThat
import org.assertj.core.api.Assertions.assertThatThrownBy
import org.junit.jupiter.api.Tag
import org.junit.jupiter.api.Test
import org.springframework.context.annotation.Bean
import org.springframework.context.annotation.Configuration
import org.springframework.stereotype.Component

/** The lease of a suspend function is acquired without a thread that waits, and ends with the function. */
@Tag("deep")
class SuspendFunctionTest {

    @Component
    open class Calls {

        @DistributedLock(key = "'tenant:' + #tenant", waitTime = "1h")
        open suspend fun <T> call(tenant: String, body: suspend () -> T): T = body()

        @DistributedLock(key = "#p0", waitTime = "1h")
        open suspend fun nothing(key: String, body: suspend () -> Unit) = body()

        @DistributedLock(key = "#key", waitTime = "0")
        open suspend fun atOnce(key: String): String = "ran"

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        open suspend fun skipped(key: String): Int? = 1

        @DistributedLock(key = "#key", waitTime = "0", onNotAcquired = OnNotAcquired.SKIP)
        open suspend fun skippedUnit(key: String, ran: AtomicBoolean) = ran.set(true)

        @DistributedLock(key = "#key", waitTime = "0", notAcquiredHandler = "answers")
        open suspend fun handled(key: String): Int = 1

        @DistributedLock(key = "#key", waitTime = "1h")
        open suspend fun <T> flow(key: String, body: suspend () -> Flow<T>): Flow<T> = body()

        @DistributedLock(key = "#key", waitTime = "0", notAcquiredHandler = "flowAnswers")
        open suspend fun handledFlow(key: String): Flow<Int> = flowOf(1)

        @DistributedLock(key = "#key", onLost = OnLeaseLost.INTERRUPT)
        open suspend fun stopped(key: String, body: suspend () -> String): String = body()
    }

    @Configuration
    open class Handlers {
        @Bean open fun answers() = NotAcquiredHandler { _, _, _ -> -1 }

        @Bean open fun flowAnswers() = NotAcquiredHandler { _, _, _ -> flowOf(-1) }
    }

    private fun with(body: suspend (Application, Calls) -> Unit) {
        Application.of(Calls::class.java, Handlers::class.java).use { application ->
            runBlocking { body(application, application.get(Calls::class.java)) }
        }
    }

    @Test
    fun theLeaseIsHeldUntilTheFunctionReturns() = with { application, calls ->
        val held = calls.call("1") {
            withContext(Dispatchers.IO) { yield() }
            application.isHeld("tenant:1")
        }
        assertThat(held).isTrue()
        assertThat(application.isHeld("tenant:1")).isFalse()
        var wasHeld = false
        calls.nothing("k") { wasHeld = application.isHeld("k") }
        assertThat(wasHeld).isTrue()
        assertThat(application.isHeld("k")).isFalse()
        assertThat(calls.call<String?>("1") { null }).isNull()
    }

    @Test
    fun oneCallAtATimeIsInside() = with { application, calls ->
        val inside = AtomicInteger()
        val most = AtomicInteger()
        val all = runBlocking(Dispatchers.Default) {
            (1..50).map {
                launch {
                    calls.call("1") {
                        most.accumulateAndGet(inside.incrementAndGet(), Math::max)
                        yield()
                        inside.decrementAndGet()
                    }
                }
            }
        }
        assertThat(all).allMatch(Job::isCompleted)
        assertThat(most).hasValue(1)
        application.awaitFree("tenant:1")
    }

    @Test
    fun failuresAreThrownAsTheyAre() = with { application, calls ->
        assertThatThrownBy { runBlocking { calls.call("1") { throw java.io.IOException("broken") } } }
            .isInstanceOf(java.io.IOException::class.java)
            .hasMessage("broken")
        assertThatThrownBy { runBlocking { calls.atOnce("") } }.isInstanceOf(IllegalArgumentException::class.java)
        application.other.acquire("k").use {
            assertThatThrownBy { runBlocking { calls.atOnce("k") } }
                .isInstanceOf(LockNotAcquiredException::class.java)
        }
        assertThat(calls.atOnce("k")).isEqualTo("ran")
    }

    @Test
    fun whatComesInPlaceOfACallThatDidNotGetItsKey() = with { application, calls ->
        val ran = AtomicBoolean()
        application.other.acquire("k").use {
            assertThat(calls.skipped("k")).isNull()
            calls.skippedUnit("k", ran)
            assertThat(ran).isFalse()
            assertThat(calls.handled("k")).isEqualTo(-1)
            assertThat(calls.handledFlow("k").toList()).containsExactly(-1)
        }
        assertThat(calls.skipped("k")).isEqualTo(1)
        calls.skippedUnit("k", ran)
        assertThat(ran).isTrue()
        assertThat(calls.handled("k")).isEqualTo(1)
        assertThat(calls.handledFlow("k").toList()).containsExactly(1)
    }

    /** What is emitted waits for its collector in a buffer of Spring's, so the flow may end before that has seen it. */
    @Test
    fun theLeaseOfAFlowIsHeldUntilItHasEmittedAll() = with { application, calls ->
        val held = calls.flow("k") {
            flow {
                for (i in 1..3) {
                    withContext(Dispatchers.IO) { yield() }
                    emit(application.isHeld("k"))
                }
            }
        }
        assertThat(application.isHeld("k")).isFalse()
        assertThat(held.toList()).containsExactly(true, true, true)
        assertThat(application.isHeld("k")).isFalse()
    }

    @Test
    fun aCancelledCallGivesItsLeaseBack() = with { application, calls ->
        val runs = AtomicBoolean()
        val isCancelled = AtomicBoolean()
        val job = launchIn {
            calls.nothing("k") {
                try {
                    runs.set(true)
                    awaitCancellation()
                } finally {
                    isCancelled.set(true)
                }
            }
        }
        Await.until("it runs") { runs.get() }
        assertThat(application.isHeld("k")).isTrue()
        job.cancelAndJoin()
        application.awaitFree("k")
        Await.until("the body is cancelled") { isCancelled.get() }
    }

    @Test
    fun aCancelledWaitLeavesNothingBehind() = with { application, calls ->
        val taken = application.other.acquire("k")
        val job = launchIn { calls.nothing("k") {} }
        Await.until("it waits") { application.mutex.status().waiting().isNotEmpty() }
        job.cancelAndJoin()
        Await.until("nobody waits") { application.mutex.status().waiting().isEmpty() }
        taken.release()
        application.awaitFree("k")
    }

    private fun launchIn(body: suspend () -> Unit): Job =
        kotlinx.coroutines.CoroutineScope(Dispatchers.Default).launch { body() }

    @Test
    fun aCallWithinOneThatHoldsTheKeyRunsUnderItsLease() = with { application, calls ->
        val result = calls.nothing("k") {
            withContext(Dispatchers.IO) { assertThat(calls.atOnce("k")).isEqualTo("ran") }
            assertThat(application.isHeld("k")).isTrue()
        }
        assertThat(result).isEqualTo(Unit)
        application.awaitFree("k")
    }

    @Test
    fun theLeaseIsFoundInTheContext() = with { application, calls ->
        calls.call("1") {
            val lease = CurrentLease.findIn(currentCoroutineContext()[ReactorContext]!!.context).orElseThrow()
            assertThat(lease.key()).isEqualTo("tenant:1")
            assertThat(lease.isValid).isTrue()
            calls.nothing("inner") {
                val inner = CurrentLease.findIn(currentCoroutineContext()[ReactorContext]!!.context)
                assertThat(inner.orElseThrow().key()).isEqualTo("inner")
            }
        }
        assertThat(CurrentLease.findIn(reactor.util.context.Context.empty())).isEmpty()
        application.awaitFree("inner")
    }

    @Test
    fun aCallThatEndsAfterTheLossFails() = with { application, calls ->
        assertThatThrownBy { runBlocking { calls.call("1") { application.loseAll() } } }
            .isInstanceOf(LeaseLostException::class.java)
    }

    @Test
    fun aCallIsCancelledAtTheLossIfAskedFor() = with { application, calls ->
        val isCancelled = AtomicBoolean()
        assertThatThrownBy {
            runBlocking {
                calls.stopped("k") {
                    try {
                        application.loseAll()
                        awaitCancellation()
                    } finally {
                        isCancelled.set(true)
                    }
                }
            }
        }.isInstanceOf(LeaseLostException::class.java)
        Await.until("the body is cancelled") { isCancelled.get() }
    }

    @Component
    open class SkipsWithoutNull {
        @DistributedLock(name = "k", onNotAcquired = OnNotAcquired.SKIP)
        open suspend fun text(): String = "ran"
    }

    @Component
    open class SkipsANumber {
        @DistributedLock(name = "k", onNotAcquired = OnNotAcquired.SKIP)
        open suspend fun number(): Int = 1
    }

    @Component
    open class Misspelt {
        @DistributedLock(key = "#tenant")
        open suspend fun update(tenantId: Long) = assertThat(tenantId).isZero()
    }

    @Test
    fun whatCannotWorkIsRefusedAtStart() {
        assertThatThrownBy { Application.of(SkipsWithoutNull::class.java) }
            .hasStackTraceContaining("onNotAcquired = SKIP cannot return null from a suspend function that returns no"
                + " nullable java.lang.String: add ? to its type, or name a notAcquiredHandler")
        assertThatThrownBy { Application.of(SkipsANumber::class.java) }
            .hasStackTraceContaining("returns no nullable java.lang.Integer")
        assertThatThrownBy { Application.of(Misspelt::class.java) }
            .hasStackTraceContaining("names #tenant, which there is not; the parameters are #tenantId")
    }
}
