/** Tests of the examples, on a Redis of their own. */
package io.distributedmutex.examples.plain;
