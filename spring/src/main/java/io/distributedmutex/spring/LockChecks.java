package io.distributedmutex.spring;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.aop.Advisor;
import org.springframework.aop.Pointcut;
import org.springframework.aop.PointcutAdvisor;
import org.springframework.aop.SpringProxy;
import org.springframework.aop.config.AopConfigUtils;
import org.springframework.aop.framework.Advised;
import org.springframework.aop.framework.AopInfrastructureBean;
import org.springframework.aop.framework.AopProxyUtils;
import org.springframework.aop.framework.ProxyConfig;
import org.springframework.aop.interceptor.AsyncExecutionInterceptor;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.SmartInitializingSingleton;
import org.springframework.beans.factory.config.BeanPostProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.util.ClassUtils;

/**
 * Refuses, when a bean is made, an annotation that cannot work there, and warns of calls that pass it by. Runs after the post-processors that make proxies: those
 * are ordered, and this is not.
 */
final class LockChecks implements BeanPostProcessor, SmartInitializingSingleton {

    private static final Logger LOGGER = LoggerFactory.getLogger(DistributedLock.class);

    private final LockedMethods methods;

    /** Beans that had no proxy when they were initialized, since another bean had asked for it before. */
    private final Map<String, Class<?>> withoutProxy = new LinkedHashMap<>();

    /** Methods whose mutex was perhaps not made when their bean was. */
    private final List<LockedMethod> found = new ArrayList<>();

    /** Classes whose calls of themselves have been looked for. */
    private final Set<Class<?>> searched = new HashSet<>();

    private boolean isStarted;

    LockChecks(LockedMethods methods) {
        this.methods = methods;
    }

    @Override
    public Object postProcessBeforeInitialization(Object bean, String beanName) {
        if (!(bean instanceof AopInfrastructureBean)) {
            Class<?> type = ClassUtils.getUserClass(bean);
            List<LockedMethod> locked = methods.of(type);
            if (!locked.isEmpty() && Modifier.isFinal(type.getModifiers()) && mustBeSubclassed(type)) {
                throw locked.get(0)
                        .refused("the class is final, so it cannot be proxied by a subclass; remove final, or"
                                + " let it implement an interface with this method and proxy by interfaces");
            }
        }
        return bean;
    }

    @Override
    public Object postProcessAfterInitialization(Object bean, String beanName) {
        if (Libraries.TRANSACTIONS) {
            Transactions.guard(bean);
        }
        if (!(bean instanceof AopInfrastructureBean)) {
            Class<?> type = AopProxyUtils.ultimateTargetClass(bean);
            List<LockedMethod> locked = methods.of(ClassUtils.getUserClass(type));
            if (!locked.isEmpty()) {
                check(bean, beanName, type, locked);
            }
        }
        return bean;
    }

    private synchronized void check(Object bean, String beanName, Class<?> type, List<LockedMethod> locked) {
        if (bean instanceof SpringProxy) {
            checkProxy(bean, locked);
        } else if (!isStarted) {
            withoutProxy.put(beanName, type);
        }
        if (searched.add(type)) {
            for (SelfCalls.SelfCall call : SelfCalls.in(type, locked)) {
                LOGGER.warn(
                        "{}: {}() of the same class calls it on this, which locks nothing; only calls through the bean do, so move"
                                + " one of the two methods to another bean",
                        call.called(),
                        call.caller());
            }
        }
        if (isStarted) {
            locked.forEach(LockedMethod::checkMutex);
        } else {
            found.addAll(locked);
        }
    }

    @Override
    public synchronized void afterSingletonsInstantiated() {
        isStarted = true;
        ConfigurableListableBeanFactory beans = methods.beans();
        withoutProxy.forEach((name, type) -> {
            Object bean = beans.containsSingleton(name) ? beans.getSingleton(name) : null;
            List<LockedMethod> locked = methods.of(ClassUtils.getUserClass(type));
            if (bean instanceof SpringProxy) {
                checkProxy(bean, locked);
            } else if (bean != null) {
                throw locked.get(0)
                        .refused("the bean " + name + " has no proxy, as it is part of Spring's AOP itself or was"
                                + " exempted from it, so nothing can lock it");
            }
        });
        withoutProxy.clear();
        found.forEach(LockedMethod::checkMutex);
        found.clear();
        if (Libraries.TRANSACTIONS) {
            // Also those that were made before this was.
            for (String name : beans.getSingletonNames()) {
                Object bean = beans.getSingleton(name);
                if (bean != null) {
                    Transactions.guard(bean);
                }
            }
        }
    }

    private boolean mustBeSubclassed(Class<?> type) {
        ConfigurableListableBeanFactory beans = methods.beans();
        boolean isForced = beans.containsBean(AopConfigUtils.AUTO_PROXY_CREATOR_BEAN_NAME)
                && beans.getBean(AopConfigUtils.AUTO_PROXY_CREATOR_BEAN_NAME) instanceof ProxyConfig config
                && config.isProxyTargetClass();
        return isForced || ClassUtils.getAllInterfacesForClassAsSet(type).isEmpty();
    }

    // ---- What surrounds the lock

    private static void checkProxy(Object proxy, List<LockedMethod> locked) {
        List<Advisor> advisors = new ArrayList<>();
        List<Object> proxies = new ArrayList<>();
        Object at = proxy;
        while (at instanceof Advised advised) {
            for (Advisor advisor : advised.getAdvisors()) {
                advisors.add(advisor);
                proxies.add(at);
            }
            at = AopProxyUtils.getSingletonTarget(advised);
        }
        int ours = indexOfLock(advisors);
        if (ours < 0) {
            return;
        }
        for (LockedMethod method : locked) {
            checkReach(method, proxies.get(ours));
            for (int i = 0; i < advisors.size(); i++) {
                if (i < ours) {
                    checkOutside(method, advisors.get(i));
                } else if (i > ours) {
                    checkInside(method, advisors.get(i));
                }
            }
        }
    }

    private static int indexOfLock(List<Advisor> advisors) {
        for (int i = 0; i < advisors.size(); i++) {
            if (advisors.get(i).getAdvice() instanceof LockInterceptor) {
                return i;
            }
        }
        return -1;
    }

    private static void checkReach(LockedMethod method, Object proxy) {
        boolean isFinal = Modifier.isFinal(method.method().getModifiers());
        if (AopUtils.isCglibProxy(proxy) && isFinal) {
            throw method.refused(
                    "the method is final, so the bean's proxy, a subclass, cannot override it; remove final");
        }
        if (AopUtils.isJdkDynamicProxy(proxy) && !isOnInterfaceOf(proxy, method)) {
            throw method.refused(
                    "the bean is proxied by its interfaces, and none of them has this method; add it to one, or"
                            + " set proxyTargetClass = true in @EnableDistributedLocks");
        }
    }

    private static boolean isOnInterfaceOf(Object proxy, LockedMethod method) {
        for (Class<?> each : ClassUtils.getAllInterfaces(proxy)) {
            for (Method declared : each.getMethods()) {
                if (AopUtils.getMostSpecificMethod(declared, method.targetClass())
                        .equals(method.method())) {
                    return true;
                }
            }
        }
        return false;
    }

    private static void checkOutside(LockedMethod method, Advisor advisor) {
        if (Libraries.TRANSACTIONS && Transactions.surrounds(advisor, method.method(), method.targetClass())) {
            throw method.refused(
                    "its transaction would begin before the lock is acquired, and be committed after the lock was"
                            + " released, so that others read old data under the lock; give @EnableDistributedLocks an order that is"
                            + " smaller than that of @EnableTransactionManagement");
        }
        if (isAsync(advisor, method)) {
            method.setOnExecutor();
        }
    }

    private static void checkInside(LockedMethod method, Advisor advisor) {
        if (isAsync(advisor, method) && method.result() == LockedMethod.Result.VALUE) {
            throw method.refused(
                    "@Async would start the method on another thread and release the lock at once, outside which it"
                            + " would run; return a CompletableFuture, or give @EnableAsync an order that is larger than that of"
                            + " @EnableDistributedLocks, or leave it at its default");
        }
    }

    private static boolean isAsync(Advisor advisor, LockedMethod method) {
        return advisor.getAdvice() instanceof AsyncExecutionInterceptor
                && advisor instanceof PointcutAdvisor pointcut
                && matches(pointcut.getPointcut(), method);
    }

    private static boolean matches(Pointcut pointcut, LockedMethod method) {
        return pointcut.getClassFilter().matches(method.targetClass())
                && pointcut.getMethodMatcher().matches(method.method(), method.targetClass());
    }
}
