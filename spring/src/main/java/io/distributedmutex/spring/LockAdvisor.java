package io.distributedmutex.spring;

import java.lang.reflect.Method;
import org.aopalliance.aop.Advice;
import org.springframework.aop.ClassFilter;
import org.springframework.aop.Pointcut;
import org.springframework.aop.support.AbstractPointcutAdvisor;
import org.springframework.aop.support.StaticMethodMatcherPointcut;
import org.springframework.core.annotation.AnnotationUtils;

/** Puts {@link LockInterceptor} before annotated methods. */
@SuppressWarnings("serial") // as all advisors: Spring does not serialize them
final class LockAdvisor extends AbstractPointcutAdvisor {

    private final LockInterceptor interceptor;
    private final Pointcut pointcut;

    LockAdvisor(LockedMethods methods, int order) {
        this.interceptor = new LockInterceptor(methods);
        this.pointcut = new AnnotatedMethods();
        setOrder(order);
    }

    @Override
    public Advice getAdvice() {
        return interceptor;
    }

    @Override
    public Pointcut getPointcut() {
        return pointcut;
    }

    private static final class AnnotatedMethods extends StaticMethodMatcherPointcut {
        @Override
        public ClassFilter getClassFilter() {
            return type -> AnnotationUtils.isCandidateClass(type, DistributedLock.class);
        }

        @Override
        public boolean matches(Method method, Class<?> targetClass) {
            return LockedMethods.isLocked(method, targetClass);
        }
    }
}
