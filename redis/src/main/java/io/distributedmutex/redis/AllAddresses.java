package io.distributedmutex.redis;

import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Future;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import org.jspecify.annotations.Nullable;

/**
 * Resolves names so that all their addresses are tried. Netty alone tries the first one for ever, even if Redis listens on
 * another, such as IPv6 only for {@code localhost}. The address that worked last comes first. An address that failed is left
 * for the next one when both connections have tried it.
 */
final class AllAddresses extends AddressResolverGroup<InetSocketAddress> {

    /** A store's connections, which begin together, and should find the same server. */
    private static final int CONNECTIONS = 2;

    private final AddressResolverGroup<InetSocketAddress> lookUp;

    /** By name; as many as a URI names, or its Sentinels. */
    private final ConcurrentMap<String, Name> names = new ConcurrentHashMap<>();

    AllAddresses(AddressResolverGroup<InetSocketAddress> lookUp) {
        this.lookUp = lookUp;
    }

    /** How many addresses the name has that has most. */
    int most() {
        return names.values().stream().mapToInt(Name::size).max().orElse(1);
    }

    /** An address has worked. */
    void connected(SocketAddress address) {
        if (address instanceof InetSocketAddress internet && internet.getAddress() != null) {
            names.values().forEach(name -> name.worked(internet.getAddress()));
        }
    }

    @Override
    protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
        return new Resolver(lookUp.getResolver(executor), executor);
    }

    private InetSocketAddress choose(InetSocketAddress name, List<InetSocketAddress> found) {
        return found.size() == 1
                ? found.get(0)
                : names.computeIfAbsent(name.getHostString(), any -> new Name()).next(found);
    }

    /** What is known of a name with several addresses. */
    private static final class Name {

        private List<InetAddress> addresses = List.of();
        private @Nullable InetAddress best;
        private int tries;

        synchronized int size() {
            return addresses.size();
        }

        synchronized void worked(InetAddress address) {
            if (addresses.contains(address)) {
                best = address;
                tries = 0;
            }
        }

        synchronized InetSocketAddress next(List<InetSocketAddress> found) {
            List<InetSocketAddress> inOrder = new ArrayList<>(found);
            inOrder.sort((one, other) -> Boolean.compare(isBest(other), isBest(one)));
            addresses = found.stream().map(InetSocketAddress::getAddress).toList();
            int turn = tries / CONNECTIONS % inOrder.size();
            tries = (tries + 1) % (CONNECTIONS * inOrder.size());
            return inOrder.get(turn);
        }

        private boolean isBest(InetSocketAddress address) {
            return address.getAddress().equals(best);
        }
    }

    private final class Resolver implements AddressResolver<InetSocketAddress> {

        private final AddressResolver<InetSocketAddress> lookUp;
        private final EventExecutor executor;

        Resolver(AddressResolver<InetSocketAddress> lookUp, EventExecutor executor) {
            this.lookUp = lookUp;
            this.executor = executor;
        }

        @Override
        public boolean isSupported(SocketAddress address) {
            return lookUp.isSupported(address);
        }

        @Override
        public boolean isResolved(SocketAddress address) {
            return lookUp.isResolved(address);
        }

        @Override
        public Future<InetSocketAddress> resolve(SocketAddress address) {
            return resolve(address, executor.newPromise());
        }

        @Override
        public Future<InetSocketAddress> resolve(SocketAddress address, Promise<InetSocketAddress> promise) {
            lookUp.resolveAll(address).addListener((Future<List<InetSocketAddress>> all) -> {
                if (all.isSuccess()) {
                    promise.trySuccess(choose((InetSocketAddress) address, all.getNow()));
                } else {
                    promise.tryFailure(all.cause());
                }
            });
            return promise;
        }

        @Override
        public Future<List<InetSocketAddress>> resolveAll(SocketAddress address) {
            return lookUp.resolveAll(address);
        }

        @Override
        public Future<List<InetSocketAddress>> resolveAll(
                SocketAddress address, Promise<List<InetSocketAddress>> promise) {
            return lookUp.resolveAll(address, promise);
        }

        /** Does nothing: the look-up is shared with others. */
        @Override
        public void close() {}
    }
}
