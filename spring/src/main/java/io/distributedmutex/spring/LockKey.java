package io.distributedmutex.spring;

import io.distributedmutex.spi.Messages;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.BeanFactory;
import org.springframework.context.expression.BeanFactoryResolver;
import org.springframework.context.expression.MethodBasedEvaluationContext;
import org.springframework.core.DefaultParameterNameDiscoverer;
import org.springframework.core.ParameterNameDiscoverer;
import org.springframework.expression.EvaluationException;
import org.springframework.expression.ParseException;
import org.springframework.expression.spel.SpelNode;
import org.springframework.expression.spel.ast.BeanReference;
import org.springframework.expression.spel.ast.CompoundExpression;
import org.springframework.expression.spel.ast.FunctionReference;
import org.springframework.expression.spel.ast.MethodReference;
import org.springframework.expression.spel.ast.Projection;
import org.springframework.expression.spel.ast.PropertyOrFieldReference;
import org.springframework.expression.spel.ast.Selection;
import org.springframework.expression.spel.ast.VariableReference;
import org.springframework.expression.spel.standard.SpelExpression;
import org.springframework.expression.spel.standard.SpelExpressionParser;

/** Makes the key of a call: a text, or an expression that is parsed once. */
final class LockKey {

    private static final int MAXIMUM_LENGTH = 512;
    private static final SpelExpressionParser PARSER = new SpelExpressionParser();
    private static final ParameterNameDiscoverer NAMES = new DefaultParameterNameDiscoverer();
    private static final Set<String> PROPERTIES = Set.of("method", "target", "targetClass", "args");

    private final String text;
    private final @Nullable SpelExpression expression;
    private final Method named;
    private final BeanFactory beans;

    private LockKey(String text, @Nullable SpelExpression expression, Method named, BeanFactory beans) {
        this.text = text;
        this.expression = expression;
        this.named = named;
        this.beans = beans;
    }

    /**
     * A key that is the same for all calls.
     *
     * @throws IllegalArgumentException if it is no key
     */
    static LockKey of(String text, Method method, BeanFactory beans) {
        return new LockKey(checked(text), null, method, beans);
    }

    /**
     * A key that each call computes.
     *
     * @param named the method with the annotation, by whose parameters the expression calls the arguments
     * @throws IllegalArgumentException if the expression cannot be parsed or names what there is not
     */
    static LockKey computed(String expression, Method named, BeanFactory beans) {
        SpelExpression parsed;
        try {
            parsed = PARSER.parseRaw(expression);
        } catch (ParseException | IllegalStateException e) {
            throw new IllegalArgumentException(
                    "is no expression: " + Messages.shown(String.valueOf(e.getMessage())), e);
        }
        new Names(named, beans).check(parsed.getAST(), true);
        return new LockKey(expression, parsed, named, beans);
    }

    /**
     * The key of one call.
     *
     * @throws IllegalArgumentException if the expression fails, or gives what is no key
     */
    String of(Method method, @Nullable Object target, Class<?> targetClass, @Nullable Object[] arguments) {
        if (expression == null) {
            return text;
        }
        MethodBasedEvaluationContext context = context(new Call(method, target, targetClass, arguments), arguments);
        String key;
        try {
            key = expression.getValue(context, String.class);
        } catch (EvaluationException | IllegalStateException e) {
            throw new IllegalArgumentException("failed: " + Messages.shown(String.valueOf(e.getMessage())), e);
        }
        if (key == null) {
            throw new IllegalArgumentException("gave null");
        }
        return checked(key);
    }

    @SuppressWarnings("NullAway") // javac 17 does not read from Spring's class file that elements may be null
    private MethodBasedEvaluationContext context(Call call, @Nullable Object[] arguments) {
        MethodBasedEvaluationContext context = new MethodBasedEvaluationContext(call, named, arguments, NAMES);
        context.setBeanResolver(new BeanFactoryResolver(beans));
        return context;
    }

    /** Here only to say it in time and with the method's name: the mutex checks each key. */
    private static String checked(String key) {
        if (key.isEmpty()) {
            throw new IllegalArgumentException("gave an empty text; a key has 1 to " + MAXIMUM_LENGTH + " characters");
        }
        if (key.length() > MAXIMUM_LENGTH) {
            throw new IllegalArgumentException("gave " + key.length() + " characters; a key has at most "
                    + MAXIMUM_LENGTH + ": '" + Messages.shown(key.substring(0, 40)) + "...'");
        }
        return key;
    }

    @Override
    public String toString() {
        return text;
    }

    /** The root of an expression. Public methods, since the expression language reads them. */
    static final class Call {
        private final Method method;
        private final @Nullable Object target;
        private final Class<?> targetClass;
        private final @Nullable Object[] arguments;

        private Call(Method method, @Nullable Object target, Class<?> targetClass, @Nullable Object[] arguments) {
            this.method = method;
            this.target = target;
            this.targetClass = targetClass;
            this.arguments = arguments;
        }

        public Method getMethod() {
            return method;
        }

        public @Nullable Object getTarget() {
            return target;
        }

        public Class<?> getTargetClass() {
            return targetClass;
        }

        public @Nullable Object[] getArgs() {
            return arguments;
        }
    }

    /** The names that an expression may use. */
    private static final class Names {
        private final Method method;
        private final BeanFactory beans;
        private final int count;
        private final List<String> parameters = new ArrayList<>();
        private final Set<String> known = new LinkedHashSet<>(Set.of("root", "this"));

        Names(Method method, BeanFactory beans) {
            this.method = method;
            this.beans = beans;
            @Nullable String[] names = NAMES.getParameterNames(method);
            // A suspend function has one more than its names: the continuation.
            this.count = names == null ? method.getParameterCount() : names.length;
            for (int i = 0; i < count; i++) {
                known.add("a" + i);
                known.add("p" + i);
                if (names != null && names[i] != null) {
                    parameters.add(names[i]);
                }
            }
            known.addAll(parameters);
        }

        /**
         * Looks at a node and all below it.
         *
         * @param onRoot whether a bare name in it means a property of the root
         */
        void check(SpelNode node, boolean onRoot) {
            if (node instanceof VariableReference || node instanceof FunctionReference) {
                checkVariable(node.toStringAST());
            } else if (node instanceof PropertyOrFieldReference property && onRoot) {
                checkBareName(property.getName(), PROPERTIES.contains(property.getName()));
            } else if (node instanceof MethodReference call && onRoot) {
                checkBareName(call.getName(), false);
            } else if (node instanceof BeanReference bean) {
                checkBean(bean.toStringAST());
            }
            boolean ofAnother = node instanceof Projection || node instanceof Selection;
            for (int i = 0; i < node.getChildCount(); i++) {
                SpelNode child = node.getChild(i);
                boolean isTail = node instanceof CompoundExpression && i > 0;
                if (isTail && (child instanceof PropertyOrFieldReference || child instanceof MethodReference)) {
                    checkChildren(child, onRoot && !ofAnother);
                } else {
                    check(child, onRoot && !ofAnother);
                }
            }
        }

        /** The arguments of a method are computed on the root again. */
        private void checkChildren(SpelNode node, boolean onRoot) {
            for (int i = 0; i < node.getChildCount(); i++) {
                check(node.getChild(i), onRoot);
            }
        }

        private void checkVariable(String shown) {
            String name = shown.substring(1).replaceFirst("\\(.*", "");
            if (known.contains(name)) {
                return;
            }
            if (parameters.size() < count) {
                throw new IllegalArgumentException(
                        "names #" + name + ", but " + method.getDeclaringClass().getName()
                                + " was compiled without the names of its parameters: compile it with -parameters, or write #p0");
            }
            throw new IllegalArgumentException("names #" + name + ", which there is not; " + parameterList());
        }

        private void checkBareName(String name, boolean isKnown) {
            if (isKnown) {
                return;
            }
            throw new IllegalArgumentException(
                    parameters.contains(name)
                            ? "names " + name + ", which is a parameter: write #" + name
                            : "names " + name + ", which there is not; write text in '', and a parameter with #; "
                                    + parameterList());
        }

        private void checkBean(String shown) {
            String name = shown.replaceAll("^@|'", "");
            if (!name.startsWith(BeanFactory.FACTORY_BEAN_PREFIX) && !beans.containsBean(name)) {
                throw new IllegalArgumentException("names the bean @" + name + ", which there is not");
            }
        }

        private String parameterList() {
            if (count == 0) {
                return "the method has no parameters";
            }
            return parameters.isEmpty()
                    ? "the parameters are #p0 to #p" + (count - 1)
                    : "the parameters are #" + String.join(", #", parameters);
        }
    }
}
