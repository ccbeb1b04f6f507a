package io.distributedmutex.jdbc;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.util.List;

/** A connection that writes down what is prepared on it, and that may call its database another name. */
final class RecordedConnection {

    private RecordedConnection() {}

    /**
     * Wraps a connection.
     *
     * @param calls receives the SQL of each statement that is prepared, and "getMetaData"
     */
    static Connection of(Connection connection, List<String> calls) {
        return proxy(Connection.class, connection, (method, arguments) -> {
            if (method.equals("prepareStatement")) {
                calls.add((String) arguments[0]);
            } else if (method.equals("getMetaData")) {
                calls.add(method);
            }
        });
    }

    /** A connection that leaves out what its database does not understand of each statement. */
    static Connection without(Connection connection, String pattern) {
        return proxy(Connection.class, connection, (method, arguments) -> {
            if (method.equals("prepareStatement")) {
                arguments[0] = ((String) arguments[0]).replaceAll(pattern, "");
            }
        });
    }

    /** A connection to something that is called so. */
    static Connection to(String productName) {
        DatabaseMetaData metaData = (DatabaseMetaData) Proxy.newProxyInstance(
                RecordedConnection.class.getClassLoader(),
                new Class<?>[] {DatabaseMetaData.class},
                (self, method, arguments) -> productName);
        return (Connection) Proxy.newProxyInstance(
                RecordedConnection.class.getClassLoader(),
                new Class<?>[] {Connection.class},
                (self, method, arguments) -> switch (method.getName()) {
                    case "getAutoCommit" -> false;
                    case "getMetaData" -> metaData;
                    default -> throw new AssertionError(method);
                });
    }

    private interface Listener {
        void called(String method, Object[] arguments);
    }

    private static <T> T proxy(Class<T> type, T target, Listener listener) {
        return type.cast(Proxy.newProxyInstance(
                RecordedConnection.class.getClassLoader(), new Class<?>[] {type}, (self, method, arguments) -> {
                    listener.called(method.getName(), arguments);
                    try {
                        return method.invoke(target, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                }));
    }
}
