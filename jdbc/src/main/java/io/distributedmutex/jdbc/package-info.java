/** The receiving end of fencing tokens in SQL databases: start at {@link io.distributedmutex.jdbc.JdbcFence}. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.jdbc;
