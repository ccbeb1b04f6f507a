package io.distributedmutex.springboot;

import java.lang.reflect.RecordComponent;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.bind.DataObjectPropertyName;
import org.springframework.boot.context.properties.bind.UnboundConfigurationPropertiesException;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.diagnostics.AbstractFailureAnalyzer;
import org.springframework.boot.diagnostics.FailureAnalysis;
import org.springframework.core.annotation.Order;

/** Says which of our properties there are, where one was set that is none. Goes before Boot's own, which does not know them. */
@Order(0)
final class UnknownPropertyFailureAnalyzer extends AbstractFailureAnalyzer<UnboundConfigurationPropertiesException> {

    private static final ConfigurationPropertyName OURS =
            ConfigurationPropertyName.of(DistributedMutexProperties.PREFIX);

    @Override
    protected @Nullable FailureAnalysis analyze(Throwable rootFailure, UnboundConfigurationPropertiesException cause) {
        Set<ConfigurationProperty> unknown = cause.getUnboundProperties();
        if (unknown.isEmpty() || !unknown.stream().allMatch(property -> OURS.isAncestorOf(property.getName()))) {
            return null;
        }
        String description = unknown.stream()
                .map(property -> "There is no property " + property.getName() + ", but it is set to '"
                        + property.getValue() + "' by " + property.getOrigin() + ".")
                .collect(Collectors.joining(System.lineSeparator()));
        String known = names(DistributedMutexProperties.class, DistributedMutexProperties.PREFIX).stream()
                .map(name -> System.lineSeparator() + "    " + name)
                .collect(Collectors.joining());
        return new FailureAnalysis(
                description, "Remove it, or take one of these:" + System.lineSeparator() + known, cause);
    }

    private static Set<String> names(Class<?> properties, String prefix) {
        Set<String> names = new TreeSet<>();
        for (RecordComponent component : properties.getRecordComponents()) {
            String name = prefix + "." + DataObjectPropertyName.toDashedForm(component.getName());
            if (component.getType().isRecord()) {
                names.addAll(names(component.getType(), name));
            } else {
                names.add(name);
            }
        }
        return names;
    }
}
