/** The example as its users meet it: by HTTP. */
package io.distributedmutex.examples.tenants;
