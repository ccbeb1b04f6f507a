package io.distributedmutex.internal;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import org.jspecify.annotations.Nullable;

/**
 * Checkpoints of the process, from which several others may be started: CRaC, and what speaks its API, as AWS Lambda
 * SnapStart does. Found by name, since few have it: {@code org.crac}, the library that works everywhere, before {@code
 * jdk.crac} of the JDKs that can take a checkpoint.
 */
final class Checkpoints {

    private static final String[] PACKAGES = {"org.crac", "jdk.crac"};

    private Checkpoints() {}

    /**
     * Has two things done.
     *
     * @param before done before a checkpoint; what it throws prevents the checkpoint
     * @param after done in each process that goes on from one
     * @return what to hold as long as this shall be done, since nobody else holds it; null where there are no checkpoints
     */
    static @Nullable Object register(Runnable before, Runnable after) {
        for (String name : PACKAGES) {
            try {
                ClassLoader loader = Checkpoints.class.getClassLoader();
                Class<?> resourceType = Class.forName(name + ".Resource", true, loader);
                Class<?> contextType = Class.forName(name + ".Context", true, loader);
                Object context = Class.forName(name + ".Core", true, loader)
                        .getMethod("getGlobalContext")
                        .invoke(null);
                Object resource = Proxy.newProxyInstance(loader, new Class<?>[] {resourceType}, handler(before, after));
                contextType.getMethod("register", resourceType).invoke(context, resource);
                return resource;
            } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
                // There is no such thing here, or it cannot be used.
            }
        }
        return null;
    }

    private static InvocationHandler handler(Runnable before, Runnable after) {
        return (resource, method, arguments) -> {
            switch (method.getName()) {
                case "beforeCheckpoint" -> before.run();
                case "afterRestore" -> after.run();
                case "hashCode" -> {
                    return System.identityHashCode(resource);
                }
                case "equals" -> {
                    return resource == arguments[0];
                }
                default -> {
                    return "a DistributedMutex";
                }
            }
            return null;
        };
    }
}
