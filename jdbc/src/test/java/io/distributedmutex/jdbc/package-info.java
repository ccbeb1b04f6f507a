@org.jspecify.annotations.NullMarked
package io.distributedmutex.jdbc;
