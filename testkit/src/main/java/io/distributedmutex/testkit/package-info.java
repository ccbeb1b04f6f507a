/** What tests of locking code need: stores without a server, real Redis servers, and the contract that every store meets. */
@NullMarked
package io.distributedmutex.testkit;

import org.jspecify.annotations.NullMarked;
