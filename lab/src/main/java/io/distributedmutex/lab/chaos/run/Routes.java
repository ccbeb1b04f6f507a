package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.lab.chaos.plan.Plan.Step;
import io.distributedmutex.testkit.proxy.FaultyProxy;
import io.distributedmutex.testkit.proxy.FaultyProxy.Direction;
import io.distributedmutex.testkit.server.EmbeddedRedis;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToIntFunction;
import java.util.stream.Collectors;

/**
 * Each worker's own way to each server: a {@link FaultyProxy}, and an {@link AddressRelay} behind it, which keeps the worker on
 * its own ways. The servers reach each other otherwise, so a server can be cut off from workers, from its peers, or from both.
 */
final class Routes implements AutoCloseable {

    private final List<AddressRelay> relays = new ArrayList<>();
    /** By the place of the worker, from 1, and the server. */
    private final Map<Integer, Map<EmbeddedRedis, FaultyProxy>> proxies = new HashMap<>();

    /**
     * Opens all ways.
     *
     * @param places how many workers there are at a time
     * @param servers the servers
     * @param announced the port that others name for a server
     */
    static Routes open(int places, List<EmbeddedRedis> servers, ToIntFunction<EmbeddedRedis> announced) {
        Routes routes = new Routes();
        boolean open = false;
        try {
            for (int place = 1; place <= places; place++) {
                routes.openOne(place, servers, announced);
            }
            open = true;
            return routes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } finally {
            if (!open) {
                routes.close();
            }
        }
    }

    private void openOne(int place, List<EmbeddedRedis> servers, ToIntFunction<EmbeddedRedis> announced)
            throws IOException {
        Map<EmbeddedRedis, FaultyProxy> ofPlace = new LinkedHashMap<>();
        proxies.put(place, ofPlace);
        Map<String, String> ports = new HashMap<>();
        List<AddressRelay> opened = new ArrayList<>();
        for (EmbeddedRedis server : servers) {
            AddressRelay relay = AddressRelay.to(server.port());
            relays.add(relay);
            opened.add(relay);
            FaultyProxy proxy = FaultyProxy.to(relay.port());
            ofPlace.put(server, proxy);
            ports.put(digits(announced.applyAsInt(server)), digits(proxy.port()));
        }
        opened.forEach(relay -> relay.replace(Map.copyOf(ports)));
    }

    private static String digits(int port) {
        String digits = Integer.toString(port);
        if (digits.length() != "12345".length()) {
            throw new IllegalStateException(
                    "port " + port + " cannot be put in place of another: it has not five digits");
        }
        return digits;
    }

    /** All ways of a worker. */
    List<FaultyProxy> of(int place) {
        return List.copyOf(ways(place).values());
    }

    FaultyProxy to(int place, EmbeddedRedis server) {
        FaultyProxy proxy = ways(place).get(server);
        if (proxy == null) {
            throw new IllegalArgumentException("no way to " + server);
        }
        return proxy;
    }

    /** The worker's addresses of these servers, with commas between. */
    String addresses(int place, List<EmbeddedRedis> servers) {
        return servers.stream()
                .map(server -> server.host() + ":" + to(place, server).port())
                .collect(Collectors.joining(","));
    }

    /** Cuts a server off, and waits. */
    interface Cut {
        void run() throws InterruptedException;
    }

    /**
     * Cuts a server off from its peers, and from workers as the fault wants it; then heals all, the peers first.
     *
     * @param step the fault
     * @param server the server
     * @param cut cuts it off from its peers, and returns when it has been so for long enough
     * @param heal undoes that
     */
    void cutOff(Step step, EmbeddedRedis server, Cut cut, Runnable heal) throws InterruptedException {
        List<FaultyProxy> lost = switch (step.fault()) {
            case CUT_OFF_FROM_ALL -> allTo(server);
            case SPLIT -> past(step.slot(), server);
            default -> List.of();
        };
        try {
            for (FaultyProxy way : lost) {
                way.hold(Direction.TO_SERVER);
                way.hold(Direction.TO_CLIENT);
            }
            cut.run();
        } finally {
            heal.run();
            lost.forEach(FaultyProxy::heal);
        }
    }

    /** The ways of a worker to all other servers. */
    private List<FaultyProxy> past(int place, EmbeddedRedis server) {
        List<FaultyProxy> others = new ArrayList<>(of(place));
        others.remove(to(place, server));
        return others;
    }

    /** The ways to a server, of all workers. */
    private List<FaultyProxy> allTo(EmbeddedRedis server) {
        return proxies.keySet().stream().map(place -> to(place, server)).toList();
    }

    private Map<EmbeddedRedis, FaultyProxy> ways(int place) {
        return proxies.getOrDefault(place, Map.of());
    }

    @Override
    public void close() {
        proxies.values().forEach(ofPlace -> ofPlace.values().forEach(FaultyProxy::close));
        relays.forEach(AddressRelay::close);
    }
}
