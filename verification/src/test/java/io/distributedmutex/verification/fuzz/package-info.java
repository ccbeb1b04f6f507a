/** Random input of every kind that crosses the boundary: keys, labels, values, companions, options, command lines. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.verification.fuzz;
