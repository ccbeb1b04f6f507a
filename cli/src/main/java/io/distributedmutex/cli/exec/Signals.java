package io.distributedmutex.cli.exec;

import java.lang.reflect.Proxy;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Receives signals of the operating system, which would otherwise end us. Java has no public API for it. The one of
 * {@code jdk.unsupported} is found by reflection, which avoids a compiler warning that cannot be turned off. Without that API
 * the signals end us, as they do by default.
 */
final class Signals implements AutoCloseable {

    private final Deque<Runnable> restores = new ArrayDeque<>();

    /** Receives the given signals until closed. */
    static Signals receive(Consumer<String> receiver, List<String> names) {
        Signals signals = new Signals();
        for (String name : names) {
            signals.handle(name, receiver);
        }
        return signals;
    }

    private void handle(String name, Consumer<String> receiver) {
        try {
            Class<?> signalType = Class.forName("sun.misc.Signal");
            Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
            Object signal = signalType.getConstructor(String.class).newInstance(name);
            Object handler = Proxy.newProxyInstance(
                    Signals.class.getClassLoader(), new Class<?>[] {handlerType}, (proxy, method, arguments) -> {
                        if (method.getName().equals("handle")) {
                            receiver.accept(name);
                        }
                        return null;
                    });
            Object previous = set(signalType, handlerType, signal, handler);
            restores.push(() -> {
                try {
                    set(signalType, handlerType, signal, previous);
                } catch (ReflectiveOperationException e) {
                    throw new IllegalStateException("cannot restore the handler of SIG" + name, e);
                }
            });
        } catch (ReflectiveOperationException | IllegalArgumentException e) {
            // No such signal on this system, or java -Xrs: it keeps its default meaning.
            return;
        }
    }

    private static Object set(Class<?> signalType, Class<?> handlerType, Object signal, @Nullable Object handler)
            throws ReflectiveOperationException {
        return signalType.getMethod("handle", signalType, handlerType).invoke(null, signal, handler);
    }

    /** Gives the signals their former meaning back. */
    @Override
    public void close() {
        while (!restores.isEmpty()) {
            restores.pop().run();
        }
    }
}
