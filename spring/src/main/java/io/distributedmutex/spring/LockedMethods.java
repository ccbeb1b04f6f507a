package io.distributedmutex.spring;

import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.springframework.aop.support.AopUtils;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.BeanFactoryAware;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.core.MethodClassKey;
import org.springframework.core.annotation.AnnotationUtils;
import org.springframework.core.annotation.MergedAnnotation;
import org.springframework.core.annotation.MergedAnnotations;
import org.springframework.core.annotation.MergedAnnotations.SearchStrategy;
import org.springframework.util.ClassUtils;
import org.springframework.util.ReflectionUtils;

/** The annotated methods of a context's beans, each read once. */
final class LockedMethods implements BeanFactoryAware {

    private final Map<MethodClassKey, Optional<LockedMethod>> methods = new ConcurrentHashMap<>();
    private final Map<Class<?>, List<LockedMethod>> classes = new ConcurrentHashMap<>();
    private @Nullable ConfigurableListableBeanFactory beans;

    @Override
    public void setBeanFactory(BeanFactory beanFactory) {
        this.beans = (ConfigurableListableBeanFactory) beanFactory;
    }

    ConfigurableListableBeanFactory beans() {
        return Objects.requireNonNull(beans, "a context sets this");
    }

    /**
     * What is known of a method, or null if it is not annotated.
     *
     * @throws IllegalStateException if its annotation cannot work
     */
    @Nullable
    LockedMethod find(Method method, Class<?> beanClass) {
        Class<?> targetClass = ClassUtils.getUserClass(beanClass);
        MethodClassKey key = new MethodClassKey(method, targetClass);
        Optional<LockedMethod> found = methods.get(key);
        if (found == null) {
            // Not computed within the map: reading asks the bean factory, which has locks of its own.
            Optional<LockedMethod> read = read(method, targetClass);
            Optional<LockedMethod> earlier = methods.putIfAbsent(key, read);
            found = earlier == null ? read : earlier;
        }
        return found.orElse(null);
    }

    /** Whether a method is annotated. Reads nothing else of it, since that may need what the context has only when it runs. */
    static boolean isLocked(Method method, Class<?> targetClass) {
        return annotationOf(method, AopUtils.getMostSpecificMethod(method, targetClass))
                .isPresent();
    }

    private Optional<LockedMethod> read(Method method, Class<?> targetClass) {
        Method specific = AopUtils.getMostSpecificMethod(method, targetClass);
        MergedAnnotation<DistributedLock> annotation = annotationOf(method, specific);
        if (!annotation.isPresent()) {
            return Optional.empty();
        }
        if (!specific.equals(method)) {
            return Optional.ofNullable(find(specific, targetClass, annotation));
        }
        return Optional.of(new LockedMethod(annotation, specific, targetClass, beans()));
    }

    /** One method that is reached by several, as by that of an interface, is the same for all of them. */
    private @Nullable LockedMethod find(
            Method specific, Class<?> targetClass, MergedAnnotation<DistributedLock> annotation) {
        LockedMethod found = find(specific, targetClass);
        return found != null ? found : new LockedMethod(annotation, specific, targetClass, beans());
    }

    private static MergedAnnotation<DistributedLock> annotationOf(Method method, Method specific) {
        if (method.getDeclaringClass() == Object.class) {
            return MergedAnnotation.missing();
        }
        MergedAnnotation<DistributedLock> annotation = annotationOf(specific);
        return annotation.isPresent() || specific.equals(method) ? annotation : annotationOf(method);
    }

    private static MergedAnnotation<DistributedLock> annotationOf(Method method) {
        return MergedAnnotations.from(method, SearchStrategy.TYPE_HIERARCHY).get(DistributedLock.class);
    }

    /**
     * All annotated methods of a class, its superclasses and its interfaces.
     *
     * @throws IllegalStateException if one of them is where no proxy can be, or its annotation cannot work
     */
    List<LockedMethod> of(Class<?> type) {
        List<LockedMethod> found = classes.get(type);
        if (found == null) {
            found = AnnotationUtils.isCandidateClass(type, DistributedLock.class) ? read(type) : List.of();
            classes.put(type, found);
        }
        return found;
    }

    private List<LockedMethod> read(Class<?> type) {
        List<LockedMethod> found = new ArrayList<>();
        if (!Proxy.isProxyClass(type)) {
            for (Class<?> at = type; at != null && at != Object.class; at = at.getSuperclass()) {
                for (Method method : ReflectionUtils.getDeclaredMethods(at)) {
                    checkCanBeIntercepted(method, type);
                    add(method, type, found);
                }
            }
        }
        for (Class<?> each : ClassUtils.getAllInterfacesForClassAsSet(type)) {
            for (Method method : ReflectionUtils.getDeclaredMethods(each)) {
                add(method, type, found);
            }
        }
        return List.copyOf(found);
    }

    private void add(Method method, Class<?> type, List<LockedMethod> to) {
        // Asked before it is looked up, so that nothing is kept of the many that are not annotated.
        if (Modifier.isStatic(method.getModifiers())
                || Modifier.isPrivate(method.getModifiers())
                || !isLocked(method, type)) {
            return;
        }
        LockedMethod locked = find(method, type);
        if (locked != null && to.stream().noneMatch(other -> other.method().equals(locked.method()))) {
            to.add(locked);
        }
    }

    private static void checkCanBeIntercepted(Method method, Class<?> type) {
        if (method.isSynthetic()) {
            // Kotlin copies the annotation of an open suspend function to a static method with its body.
            return;
        }
        boolean isStatic = Modifier.isStatic(method.getModifiers());
        if ((isStatic || Modifier.isPrivate(method.getModifiers()))
                && MergedAnnotations.from(method).isPresent(DistributedLock.class)) {
            throw new IllegalStateException("@DistributedLock on " + LockedMethod.name(method, type)
                    + (isStatic
                            ? ": a static method is not called through a bean, so nothing can lock it"
                            : ": a private method is not called through the bean's proxy, so nothing can lock it")
                    + "; move the annotation to a method that other beans call");
        }
    }
}
