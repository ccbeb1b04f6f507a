/** Tests with a real server and the JDK's client. */
package io.distributedmutex.http;
