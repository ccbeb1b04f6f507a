/** What a distributed lock is used for, each in one file that can be run. */
@NullMarked
package io.distributedmutex.examples.plain;

import org.jspecify.annotations.NullMarked;
