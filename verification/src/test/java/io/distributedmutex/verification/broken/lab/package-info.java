/** Code that breaks the rules of the house, each in its own way, to show that every rule can fail. */
@NullMarked
package io.distributedmutex.verification.broken.lab;

import org.jspecify.annotations.NullMarked;
