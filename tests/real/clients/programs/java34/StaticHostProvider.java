package org.apache.zookeeper.client;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;

/**
 * The list of servers of the 3.4 client, for a Java later than 13: the original takes a host's name out of the text
 * that Java makes of an unresolved address, and that text has changed (ZOOKEEPER-3779). Behaves as the original does:
 * shuffled once, then round and round, with a pause when it has come round.
 */
public final class StaticHostProvider implements HostProvider {
    private final List<InetSocketAddress> servers;
    private int last = -1;
    private int current = -1;

    public StaticHostProvider(Collection<InetSocketAddress> servers) {
        this.servers = new ArrayList<>(servers);
        Collections.shuffle(this.servers);
    }

    @Override
    public int size() {
        return servers.size();
    }

    @Override
    public InetSocketAddress next(long spinDelay) {
        current = (current + 1) % servers.size();
        if (current == last && spinDelay > 0) {
            try {
                Thread.sleep(spinDelay);
            } catch (InterruptedException early) {
                // The next attempt comes a little sooner.
            }
        } else if (last == -1) {
            last = 0;
        }
        InetSocketAddress server = servers.get(current);
        try {
            return new InetSocketAddress(InetAddress.getByName(server.getHostString()), server.getPort());
        } catch (UnknownHostException unknown) {
            return server;
        }
    }

    @Override
    public void onConnected() {
        last = current;
    }
}
