package io.distributedmutex.spi;

import io.distributedmutex.DistributedMutex;
import io.distributedmutex.Lease;

/**
 * A lease with the token by which its store knows it. Each lease of a {@link DistributedMutex} is one. For what writes to the
 * store's own server and lets that compare the owner, in the same step as it writes.
 *
 * <p>The token proves ownership: do not log it, and do not show it to people.
 */
public interface StoredLease extends Lease {

    /**
     * The token that owns the key in the store while the lease is held. Leases that follow each other within one instance may
     * share it: by the token alone, the store sees no change of holders between them.
     *
     * @return 22 characters of base64url; see {@link AcquireRequest#token}
     */
    String token();
}
