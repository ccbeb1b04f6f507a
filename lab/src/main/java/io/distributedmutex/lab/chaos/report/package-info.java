/** What people get to see of a run: the summary, the picture, the page. */
@NullMarked
package io.distributedmutex.lab.chaos.report;

import org.jspecify.annotations.NullMarked;
