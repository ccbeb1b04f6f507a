package io.distributedmutex.lab.chaos.run;

import io.distributedmutex.testkit.proxy.FaultyProxy;
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

    /** The ways of a worker to all other servers. */
    List<FaultyProxy> past(int place, EmbeddedRedis server) {
        List<FaultyProxy> others = new ArrayList<>(of(place));
        others.remove(to(place, server));
        return others;
    }

    FaultyProxy to(int place, EmbeddedRedis server) {
        FaultyProxy proxy = ways(place).get(server);
        if (proxy == null) {
            throw new IllegalArgumentException("no way to " + server);
        }
        return proxy;
    }

    /** The ways to a server, of all workers. */
    List<FaultyProxy> allTo(EmbeddedRedis server) {
        return proxies.keySet().stream().map(place -> to(place, server)).toList();
    }

    /** The worker's addresses of these servers, with commas between. */
    String addresses(int place, List<EmbeddedRedis> servers) {
        return servers.stream()
                .map(server -> server.host() + ":" + to(place, server).port())
                .collect(Collectors.joining(","));
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
