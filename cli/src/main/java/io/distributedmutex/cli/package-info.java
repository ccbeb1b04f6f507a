/** The {@code dmutex} command-line tool. */
@NullMarked
package io.distributedmutex.cli;

import org.jspecify.annotations.NullMarked;
