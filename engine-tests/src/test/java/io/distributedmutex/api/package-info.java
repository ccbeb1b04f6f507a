/** Tests of what users call, on a store in memory. */
package io.distributedmutex.api;
