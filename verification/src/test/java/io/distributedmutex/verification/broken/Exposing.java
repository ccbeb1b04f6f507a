package io.distributedmutex.verification.broken;

import io.distributedmutex.verification.broken.internal.Engine;
import io.distributedmutex.verification.broken.internal.EngineException;
import java.util.List;

/** Mentions what is internal, in every place where a type can stand. */
public final class Exposing extends Engine {
    /** A field. */
    public final Engine field;

    /** A constructor's parameter. */
    public Exposing(Engine engine) {
        this.field = engine;
    }

    /** A parameter. */
    public void takes(List<? extends Engine> engines) {}

    /** A result. */
    public Engine gives() {
        return field;
    }

    /** A type argument. */
    public List<Engine> givesMany() {
        return List.of(field);
    }

    /** An exception. */
    public void fails() throws EngineException {
        throw new EngineException();
    }

    /** A bound. */
    @SuppressWarnings("UnusedTypeParameter")
    public <T extends Engine> void generic() {}

    Engine packagePrivateIsInnocent() {
        return field;
    }

    /** Public in a public type. */
    public interface Nested {
        /** A result. */
        Engine gives();
    }

    interface InnocentSinceHidden {
        Engine gives();
    }
}
