/** Files, pictures and verdicts, for demo and chaos. */
@NullMarked
package io.distributedmutex.lab.output;

import org.jspecify.annotations.NullMarked;
