package io.distributedmutex.spring;

import io.distributedmutex.DistributedMutex;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.beans.factory.config.BeanDefinition;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.beans.factory.support.AbstractBeanDefinition;

/** Finds the mutex that a method means, without making it. */
final class MutexBeans {

    private final ConfigurableListableBeanFactory beans;

    MutexBeans(ConfigurableListableBeanFactory beans) {
        this.beans = beans;
    }

    /**
     * The name of the bean.
     *
     * @param asked the attribute {@code mutex}, or empty
     * @throws IllegalArgumentException if there is none, or it is not clear which
     */
    String name(String asked) {
        if (!asked.isEmpty()) {
            if (!beans.containsBean(asked)) {
                throw new IllegalArgumentException("mutex = \"" + asked + "\" names no bean; " + known());
            }
            if (!beans.isTypeMatch(asked, DistributedMutex.class)) {
                throw new IllegalArgumentException("mutex = \"" + asked + "\" names a bean of type " + typeOf(asked)
                        + ", which is no DistributedMutex; " + known());
            }
            return asked;
        }
        // As Spring's injection does: the context's own beans hide those of its parents.
        BeanFactory context = beans;
        while (context instanceof ConfigurableListableBeanFactory here) {
            ConfigurableListableBeanFactory at = here;
            List<String> names = names(here).stream()
                    .filter(name -> !isHidden(definition(at, name)))
                    .toList();
            if (!names.isEmpty()) {
                return only(here, names);
            }
            context = here.getParentBeanFactory();
        }
        throw new IllegalArgumentException("needs a bean of type DistributedMutex, and there is none");
    }

    DistributedMutex get(String name) {
        return beans.getBean(name, DistributedMutex.class);
    }

    /** Whether asking for the bean makes nothing new. */
    boolean isMade(String name) {
        return beans.containsSingleton(name);
    }

    private static List<String> names(ConfigurableListableBeanFactory here) {
        String[] names = here.getBeanNamesForType(DistributedMutex.class, true, false);
        return Arrays.asList(names.length > 0 ? names : here.getBeanNamesForType(DistributedMutex.class));
    }

    private static @Nullable BeanDefinition definition(ConfigurableListableBeanFactory here, String name) {
        return here.containsBeanDefinition(name) ? here.getMergedBeanDefinition(name) : null;
    }

    /** Whether a bean is hidden from who does not ask for it by name. */
    private static boolean isHidden(@Nullable BeanDefinition definition) {
        return definition != null
                && (!definition.isAutowireCandidate()
                        || (definition instanceof AbstractBeanDefinition other && !other.isDefaultCandidate()));
    }

    private static String only(ConfigurableListableBeanFactory here, List<String> names) {
        if (names.size() == 1) {
            return names.get(0);
        }
        List<String> primary = new ArrayList<>();
        List<String> regular = new ArrayList<>();
        for (String name : names) {
            BeanDefinition definition = definition(here, name);
            if (definition != null && definition.isPrimary()) {
                primary.add(name);
            }
            if (definition == null || !definition.isFallback()) {
                regular.add(name);
            }
        }
        if (primary.size() == 1) {
            return primary.get(0);
        }
        if (primary.isEmpty() && regular.size() == 1) {
            return regular.get(0);
        }
        throw new IllegalArgumentException("does not say which DistributedMutex it means: " + String.join(", ", names)
                + (primary.size() > 1
                        ? ", of which several are @Primary: make it one, "
                        : ": make one of these beans @Primary, ")
                + "or name one by the attribute mutex");
    }

    private String typeOf(String name) {
        Class<?> type = beans.getType(name);
        return type == null ? "unknown" : type.getName();
    }

    private String known() {
        List<String> names = names(beans);
        return names.isEmpty()
                ? "there is no DistributedMutex in this context"
                : "those of type DistributedMutex are " + String.join(", ", names);
    }
}
