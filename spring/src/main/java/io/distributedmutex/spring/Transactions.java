package io.distributedmutex.spring;

import io.distributedmutex.Lease;
import io.distributedmutex.LeaseLostException;
import io.distributedmutex.spi.Messages;
import java.lang.reflect.Method;
import org.springframework.aop.Advisor;
import org.springframework.beans.factory.BeanFactoryUtils;
import org.springframework.beans.factory.ListableBeanFactory;
import org.springframework.transaction.ConfigurableTransactionManager;
import org.springframework.transaction.TransactionDefinition;
import org.springframework.transaction.TransactionExecution;
import org.springframework.transaction.TransactionExecutionListener;
import org.springframework.transaction.TransactionManager;
import org.springframework.transaction.interceptor.TransactionAttribute;
import org.springframework.transaction.interceptor.TransactionAttributeSource;
import org.springframework.transaction.interceptor.TransactionInterceptor;
import org.springframework.transaction.support.TransactionSynchronization;
import org.springframework.transaction.support.TransactionSynchronizationManager;

/** What locks have to do with transactions. Only for where {@link Libraries#TRANSACTIONS} are present. */
final class Transactions {

    private Transactions() {}

    /** Whether a context has a transaction manager. */
    static boolean areManagedIn(ListableBeanFactory beans) {
        return BeanFactoryUtils.beanNamesForTypeIncludingAncestors(beans, TransactionManager.class, true, false).length
                > 0;
    }

    /** Whether an advisor begins a transaction around a method, or demands one. */
    static boolean surrounds(Advisor advisor, Method method, Class<?> targetClass) {
        if (!(advisor.getAdvice() instanceof TransactionInterceptor interceptor)) {
            return false;
        }
        TransactionAttributeSource source = interceptor.getTransactionAttributeSource();
        TransactionAttribute attribute = source == null ? null : source.getTransactionAttribute(method, targetClass);
        if (attribute == null) {
            return false;
        }
        return switch (attribute.getPropagationBehavior()) {
            case TransactionDefinition.PROPAGATION_NOT_SUPPORTED, TransactionDefinition.PROPAGATION_NEVER -> false;
            default -> true;
        };
    }

    /**
     * Does something when this thread's transaction has ended.
     *
     * @return false if there is none; nothing is done then
     */
    static boolean afterCompletion(Runnable action) {
        if (!TransactionSynchronizationManager.isActualTransactionActive()
                || !TransactionSynchronizationManager.isSynchronizationActive()) {
            return false;
        }
        TransactionSynchronizationManager.registerSynchronization(new TransactionSynchronization() {
            @Override
            public void afterCompletion(int status) {
                action.run();
            }
        });
        return true;
    }

    /** Makes a transaction manager ask, before each commit, whether the thread still holds what it must. */
    static void guard(Object bean) {
        if (bean instanceof ConfigurableTransactionManager manager
                && manager.getTransactionExecutionListeners().stream().noneMatch(CommitGuard.class::isInstance)) {
            manager.addListener(new CommitGuard());
        }
    }

    /** An exception thrown here, just before the commit and after all that is flushed before it, rolls back. */
    private static final class CommitGuard implements TransactionExecutionListener {
        @Override
        public void beforeCommit(TransactionExecution transaction) {
            Lease lost = ThreadHolds.lostBeforeCommit();
            if (lost != null) {
                throw new LeaseLostException(
                        "the lease on '" + Messages.shown(lost.key())
                                + "' was lost before the transaction was committed, so it is rolled back",
                        lost.lossReason().orElse(null));
            }
        }
    }
}
