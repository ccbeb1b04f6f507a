/** Tests of the annotation, each on an application context of its own. */
@org.jspecify.annotations.NullMarked
package io.distributedmutex.spring;
