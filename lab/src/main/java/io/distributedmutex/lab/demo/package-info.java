/** {@code dmutex demo}: processes share work by locks, one is killed, everything is checked and drawn. */
@NullMarked
package io.distributedmutex.lab.demo;

import org.jspecify.annotations.NullMarked;
