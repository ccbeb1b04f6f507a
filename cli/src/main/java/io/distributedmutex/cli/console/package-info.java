/** What all commands share: options, exit codes, durations, text for people and for scripts. */
@NullMarked
package io.distributedmutex.cli.console;

import org.jspecify.annotations.NullMarked;
