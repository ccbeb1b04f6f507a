/** Fencing tokens in HTTP requests: the header for clients, and a filter for servers that refuses stale ones. */
@NullMarked
package io.distributedmutex.http;

import org.jspecify.annotations.NullMarked;
