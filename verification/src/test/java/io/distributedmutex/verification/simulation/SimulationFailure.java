package io.distributedmutex.verification.simulation;

/** A broken promise. An error, so that no code under test takes it for its own. */
final class SimulationFailure extends AssertionError {
    private static final long serialVersionUID = 1L;

    SimulationFailure(String message) {
        super(message);
    }
}
