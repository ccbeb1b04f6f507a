/** Tenant settings on PostgreSQL, which several instances of an application update, one at a time. */
@NullMarked
package io.distributedmutex.examples.tenants;

import org.jspecify.annotations.NullMarked;
