/** The auto-configuration for Spring Boot: beans on Redis, properties, shutdown, health and an endpoint. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.springboot;
