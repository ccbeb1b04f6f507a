package io.distributedmutex.redis;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.resolver.InetNameResolver;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.ImmediateEventExecutor;
import io.netty.util.concurrent.Promise;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class AllAddressesTest {

    private final List<InetAddress> found = new ArrayList<>();
    private final AllAddresses addresses = new AllAddresses(new LookUp());
    private final AddressResolver<InetSocketAddress> resolver = addresses.getResolver(ImmediateEventExecutor.INSTANCE);

    @Test
    void anAddressIsLeftForTheNextWhenBothConnectionsHaveTriedIt() {
        finds("192.0.2.1", "192.0.2.2", "192.0.2.3");

        assertThat(tried(8)).containsExactly(1, 1, 2, 2, 3, 3, 1, 1);
        assertThat(addresses.most()).isEqualTo(3);
    }

    @Test
    void theOneThatWorkedComesFirst() {
        finds("192.0.2.1", "192.0.2.2", "192.0.2.3");
        assertThat(tried(3)).containsExactly(1, 1, 2);

        addresses.connected(new InetSocketAddress("192.0.2.2", 6379));

        assertThat(tried(7)).containsExactly(2, 2, 1, 1, 3, 3, 2);
    }

    @Test
    void oneThatIsGoneIsForgotten() {
        finds("192.0.2.1", "192.0.2.2");
        assertThat(tried(3)).containsExactly(1, 1, 2);
        addresses.connected(new InetSocketAddress("192.0.2.2", 6379));

        finds("192.0.2.4", "192.0.2.5");
        addresses.connected(new InetSocketAddress("192.0.2.9", 6379));
        addresses.connected(InetSocketAddress.createUnresolved("name", 6379));

        assertThat(tried(4)).containsExactly(4, 4, 5, 5);
    }

    @Test
    void aNameWithOneAddressHasAlwaysThat() {
        finds("192.0.2.7");

        assertThat(tried(4)).containsExactly(7, 7, 7, 7);
        assertThat(addresses.most()).isEqualTo(1);
    }

    @Test
    void aNameThatIsNotFoundFails() {
        assertThat(resolver.resolve(InetSocketAddress.createUnresolved("name", 6379))
                        .cause())
                .isInstanceOf(UnknownHostException.class);
    }

    private void finds(String... literals) {
        found.clear();
        for (String literal : literals) {
            try {
                found.add(InetAddress.getByName(literal));
            } catch (UnknownHostException e) {
                throw new AssertionError(e);
            }
        }
    }

    /** The last number of each address that is given for the name. */
    private List<Integer> tried(int times) {
        List<Integer> tried = new ArrayList<>();
        for (int i = 0; i < times; i++) {
            InetSocketAddress address = resolver.resolve(InetSocketAddress.createUnresolved("name", 6379))
                    .getNow();
            assertThat(address.getPort()).isEqualTo(6379);
            tried.add((int) address.getAddress().getAddress()[3]);
        }
        return tried;
    }

    private final class LookUp extends AddressResolverGroup<InetSocketAddress> {

        @Override
        protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
            return new InetNameResolver(executor) {
                @Override
                protected void doResolve(String name, Promise<InetAddress> promise) {
                    promise.setFailure(new AssertionError("all are asked for"));
                }

                @Override
                protected void doResolveAll(String name, Promise<List<InetAddress>> promise) {
                    if (found.isEmpty()) {
                        promise.setFailure(new UnknownHostException(name));
                    } else {
                        promise.setSuccess(List.copyOf(found));
                    }
                }
            }.asAddressResolver();
        }
    }
}
