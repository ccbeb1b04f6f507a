package io.distributedmutex.testkit.junit;

import io.distributedmutex.testkit.server.EmbeddedRedis;
import io.distributedmutex.testkit.server.EmbeddedRedisBuilder;
import io.distributedmutex.testkit.server.EmbeddedRedisException;
import io.distributedmutex.testkit.server.RedisExecutable;
import java.util.Objects;
import java.util.Optional;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtensionConfigurationException;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.jupiter.api.extension.ParameterResolver;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * The JUnit extension behind {@link WithRedis}, which registers it. Thread-safe: it has no state, the server is in the
 * store of the test class, which closes it.
 */
@SuppressWarnings("exports") // JUnit is optional, so it is not handed on
public final class RedisExtension
        implements ExecutionCondition, BeforeAllCallback, BeforeEachCallback, ParameterResolver {

    private static final ExtensionContext.Namespace NAMESPACE = ExtensionContext.Namespace.create(RedisExtension.class);

    /** Made by JUnit. */
    public RedisExtension() {}

    /** Skips a class that wants an installed server where there is none. */
    @Override
    public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
        boolean wanted = annotated(context)
                .map(owner -> settings(owner).executable().equals(RedisExecutable.INSTALLED))
                .orElse(false);
        if (wanted && EmbeddedRedis.installed().isEmpty()) {
            return ConditionEvaluationResult.disabled("no redis-server or valkey-server is installed");
        }
        return ConditionEvaluationResult.enabled("a Redis server is available");
    }

    /** Starts the server of the class, so that a failure to start fails the class and not each test. */
    @Override
    public void beforeAll(ExtensionContext context) {
        EmbeddedRedis unused = server(context);
    }

    /** Hands each test an empty server. */
    @Override
    public void beforeEach(ExtensionContext context) {
        EmbeddedRedis server = server(context);
        if (!isFlushed(server)) {
            server.restartEmpty();
        }
    }

    @Override
    public boolean supportsParameter(ParameterContext parameter, ExtensionContext context) {
        return parameter.getParameter().getType() == EmbeddedRedis.class;
    }

    @Override
    public Object resolveParameter(ParameterContext parameter, ExtensionContext context) {
        return server(context);
    }

    private static boolean isFlushed(EmbeddedRedis server) {
        if (!server.isAlive() || server.isPaused()) {
            return false;
        }
        try {
            return "OK".equals(server.command("FLUSHALL"));
        } catch (EmbeddedRedisException refusal) {
            // Made a replica, busy with a script, given another password: a restart undoes it all.
            return false;
        }
    }

    /**
     * Returns the server of the class, started now if this is the first to ask (a constructor may ask before
     * beforeAll).
     */
    @SuppressWarnings("deprecation") // What JUnit 6 has instead, JUnit 5 has not.
    private static EmbeddedRedis server(ExtensionContext context) {
        ExtensionContext owner = annotated(context)
                .orElseThrow(() -> new ExtensionConfigurationException(
                        "RedisExtension is registered by annotating a class with @WithRedis; "
                                + context.getDisplayName() + " has none"));
        ServerOfClass found = owner.getStore(NAMESPACE)
                .getOrComputeIfAbsent(
                        owner.getRequiredTestClass(),
                        testClass -> new ServerOfClass(start(settings(owner))),
                        ServerOfClass.class);
        return Objects.requireNonNull(found).server();
    }

    /** What stands in JUnit's store, which closes it after the class: JUnit 5.12 by the one interface, JUnit 6 by the other. */
    @SuppressWarnings("deprecation")
    private record ServerOfClass(EmbeddedRedis server)
            implements ExtensionContext.Store.CloseableResource, AutoCloseable {
        @Override
        public void close() {
            server.close();
        }
    }

    /** Returns the server that the test uses, if it has one. */
    static Optional<EmbeddedRedis> serverOf(ExtensionContext context) {
        return annotated(context).map(owner -> server(context));
    }

    /** Returns the nearest class around the test, itself first, that has the annotation. */
    private static Optional<ExtensionContext> annotated(ExtensionContext context) {
        Optional<ExtensionContext> candidate = Optional.of(context);
        while (candidate.isPresent()) {
            boolean isAnnotatedClass = candidate
                    .flatMap(ExtensionContext::getElement)
                    .filter(element ->
                            element instanceof Class<?> && AnnotationSupport.isAnnotated(element, WithRedis.class))
                    .isPresent();
            if (isAnnotatedClass) {
                return candidate;
            }
            candidate = candidate.flatMap(ExtensionContext::getParent);
        }
        return Optional.empty();
    }

    private static WithRedis settings(ExtensionContext owner) {
        return AnnotationSupport.findAnnotation(owner.getRequiredTestClass(), WithRedis.class)
                .orElseThrow();
    }

    private static EmbeddedRedis start(WithRedis settings) {
        EmbeddedRedisBuilder builder = EmbeddedRedis.builder().dataKept(settings.dataKept());
        if (!settings.password().isEmpty()) {
            builder.password(settings.password());
        }
        for (String line : settings.config()) {
            builder.line(line);
        }
        if (!settings.executable().isEmpty()) {
            builder.executable(RedisExecutable.named(settings.executable(), "@WithRedis(executable)")
                    .path());
        }
        return builder.start();
    }
}
