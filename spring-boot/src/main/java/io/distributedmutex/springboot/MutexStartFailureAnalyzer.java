package io.distributedmutex.springboot;

import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;

/** Says why the application did not start, instead of a stack trace. */
final class MutexStartFailureAnalyzer extends AbstractFailureAnalyzer<MutexStartException> {

    @Override
    protected FailureAnalysis analyze(Throwable rootFailure, MutexStartException cause) {
        return new FailureAnalysis(String.valueOf(cause.getMessage()), cause.action(), cause);
    }
}
