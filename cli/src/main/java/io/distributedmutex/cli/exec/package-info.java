/** {@code dmutex exec}: a command under a lock, with its processes, signals and end. */
@NullMarked
package io.distributedmutex.cli.exec;

import org.jspecify.annotations.NullMarked;
