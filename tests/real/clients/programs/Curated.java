import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.state.ConnectionState;
import org.apache.curator.retry.RetryNTimes;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

/** A session of Curator and some of its recipes: prints what it was told, and nothing that varies. */
public class Curated {
    static final int TIMEOUT_MS = 15000;
    static final int PATIENCE_S = 60;

    static void say(Object words) {
        System.out.println(words);
    }

    static <T> T next(BlockingQueue<T> heard) throws InterruptedException {
        T one = heard.poll(PATIENCE_S, TimeUnit.SECONDS);
        if (one == null) {
            throw new IllegalStateException("nothing came");
        }
        return one;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    public static void main(String[] arguments) throws Exception {
        BlockingQueue<ConnectionState> states = new LinkedBlockingQueue<>();
        // The tracker would replace the given addresses by those in the ensemble's own configuration.
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(arguments[0])
            .namespace(arguments[1].substring(1))
            .sessionTimeoutMs(TIMEOUT_MS)
            .connectionTimeoutMs(TIMEOUT_MS)
            .retryPolicy(new RetryNTimes(20, 500))
            .ensembleTracker(false)
            .authorization("digest", bytes("carol:secret"))
            .build();
        client.getConnectionStateListenable().addListener((from, state) -> states.add(state));
        client.start();
        say(next(states));
        nodes(client);
        recipes(client);
        cut(client, states);
        client.close();
        say("closed");
        System.exit(0);
    }

    static void nodes(CuratorFramework client) throws Exception {
        say(client.create().creatingParentsIfNeeded().forPath("/a/b/c", bytes("deep")));
        say(client.create().withMode(CreateMode.EPHEMERAL).forPath("/ephemeral", bytes("mine")));
        String guarded = client.create().withProtection().withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath("/p-");
        say(guarded.replaceAll("_c_[-0-9a-f]*-", ""));
        say(new String(client.getData().forPath("/a/b/c"), StandardCharsets.UTF_8));
        try {
            client.setData().withVersion(9).forPath("/a/b/c", bytes("x"));
        } catch (KeeperException refusal) {
            say("bad version: " + refusal.code());
        }
        List<CuratorTransactionResult> results = client.transaction().forOperations(
            client.transactionOp().check().forPath("/a"),
            client.transactionOp().create().forPath("/a/t", bytes("t")),
            client.transactionOp().setData().forPath("/a/t", bytes("u")),
            client.transactionOp().delete().forPath("/a/t"));
        for (CuratorTransactionResult result : results) {
            say(result.getType() + " " + result.getForPath() + " " + result.getError());
        }
        List<String> children = client.getChildren().forPath("/a");
        Collections.sort(children);
        say(children);
        client.delete().deletingChildrenIfNeeded().forPath("/a");
        say("exists: " + client.checkExists().forPath("/a"));
    }

    static void recipes(CuratorFramework client) throws Exception {
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        CuratorCache cache = CuratorCache.build(client, "/cached");
        cache.listenable().addListener((type, before, after) ->
            heard.add(type + " " + (after == null ? before : after).getPath()));
        client.create().forPath("/cached", bytes("0"));
        cache.start();
        say("cache: " + next(heard));
        client.create().forPath("/cached/one", bytes("1"));
        say("cache: " + next(heard));
        client.setData().forPath("/cached/one", bytes("2"));
        say("cache: " + next(heard));
        client.delete().forPath("/cached/one");
        say("cache: " + next(heard));
        cache.close();

        InterProcessMutex mutex = new InterProcessMutex(client, "/lock");
        say("locked: " + mutex.acquire(PATIENCE_S, TimeUnit.SECONDS));
        mutex.release();
        LeaderLatch latch = new LeaderLatch(client, "/latch");
        latch.start();
        say("leads: " + latch.await(PATIENCE_S, TimeUnit.SECONDS));
        latch.close();
        DistributedAtomicLong number = new DistributedAtomicLong(client, "/number", new RetryNTimes(5, 100));
        number.increment();
        say("number: " + number.add(41L).postValue());
    }

    static void cut(CuratorFramework client, BlockingQueue<ConnectionState> states) throws Exception {
        PersistentNode node = new PersistentNode(client, CreateMode.EPHEMERAL, false, "/held", bytes("held"));
        node.start();
        say("held: " + node.waitForInitialCreate(PATIENCE_S, TimeUnit.SECONDS));
        long session = client.getZookeeperClient().getZooKeeper().getSessionId();
        BlockingQueue<String> heard = new LinkedBlockingQueue<>();
        client.getData().usingWatcher((org.apache.zookeeper.Watcher) event -> {
            if (event.getPath() != null) {
                heard.add(event.getType() + " " + event.getPath());
            }
        }).forPath("/ephemeral");
        states.clear();
        say("#cut");
        say(next(states));
        say(next(states));
        say("the same session: " + (session == client.getZookeeperClient().getZooKeeper().getSessionId()));
        client.setData().forPath("/ephemeral", bytes("after the cut"));
        say("watch from before the cut: " + next(heard));
        say(new String(client.getData().forPath("/held"), StandardCharsets.UTF_8));
        node.close();
    }
}
