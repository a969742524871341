import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/** A session of the plain Java client, 3.4 or later: prints what it was told, and nothing that varies. */
public class Plain {
    static final int TIMEOUT_MS = 15000;
    static final int PATIENCE_S = 60;

    static String root;

    /** What a watcher was told. */
    static class Ear implements Watcher {
        final BlockingQueue<WatchedEvent> heard = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            heard.add(event);
        }

        WatchedEvent next() throws InterruptedException {
            WatchedEvent event = heard.poll(PATIENCE_S, TimeUnit.SECONDS);
            if (event == null) {
                throw new IllegalStateException("no event came");
            }
            return event;
        }

        void waitFor(KeeperState state) throws InterruptedException {
            while (next().getState() != state) {
                // Other states pass by on the way to this one.
            }
        }

        /** The next event about a node. */
        void say(String what) throws InterruptedException {
            WatchedEvent event = next();
            while (event.getType() == Watcher.Event.EventType.None) {
                event = next();
            }
            Plain.say(what + ": " + event.getType() + " " + event.getPath());
        }
    }

    interface Attempt {
        Object run() throws Exception;
    }

    static void say(Object words) {
        System.out.println(words);
    }

    static void attempt(String what, Attempt attempt) throws Exception {
        try {
            say(what + ": " + attempt.run());
        } catch (KeeperException refusal) {
            say(what + ": " + refusal.code());
        }
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] bytes) {
        return bytes == null ? "null" : new String(bytes, StandardCharsets.UTF_8);
    }

    static ZooKeeper connect(String servers, Ear ear) throws Exception {
        ZooKeeper client = new ZooKeeper(servers, TIMEOUT_MS, ear);
        ear.waitFor(KeeperState.SyncConnected);
        return client;
    }

    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0];
        root = arguments[1];
        Ear ear = new Ear();
        System.setProperty("zookeeper.sasl.client", "false");
        ZooKeeper client = connect(servers, ear);
        client.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        nodes(client);
        multi(client);
        watches(client);
        persistentWatches(client);
        auth(client, servers);
        cut(client, ear);
        client.close();
        say("closed");
        sasl(servers);
    }

    static void nodes(ZooKeeper client) throws Exception {
        say(client.create(root + "/node", bytes("one"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        attempt("again", () -> client.create(root + "/node", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        Stat stat = new Stat();
        say(text(client.getData(root + "/node", false, stat)) + " version " + stat.getVersion());
        say("set: version " + client.setData(root + "/node", bytes("two, \u00e4\ud83d\ude00"), 0).getVersion());
        attempt("bad version", () -> client.setData(root + "/node", bytes("three"), 0));
        say(text(client.getData(root + "/node", false, stat)) + " length " + stat.getDataLength());
        attempt("missing", () -> client.getData(root + "/missing", false, null));
        say("exists: " + client.exists(root + "/missing", false));
        say(client.create(root + "/\u00e4", new byte[0], Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        for (int round = 0; round < 3; round++) {
            say(client.create(root + "/node/s-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
        }
        say(client.create(root + "/ephemeral", bytes("mine"), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL));
        say("owned: " + (client.exists(root + "/ephemeral", false).getEphemeralOwner() == client.getSessionId()));
        attempt("below an ephemeral node",
            () -> client.create(root + "/ephemeral/x", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT));
        say(client.create(root + "/e-", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        List<String> children = client.getChildren(root, false);
        Collections.sort(children);
        say(children);
        byte[] large = new byte[900_000];
        Arrays.fill(large, (byte) 7);
        say("large: " + client.setData(root + "/node", large, -1).getDataLength());
        say("equal: " + Arrays.equals(large, client.getData(root + "/node", false, null)));
        attempt("not empty", () -> {
            client.delete(root + "/node", -1);
            return "deleted";
        });
        client.delete(root + "/node/s-0000000001", -1);
        say(client.getChildren(root + "/node", false, stat).size() + " left, " + stat.getNumChildren());
        client.sync(root, (code, path, context) -> { }, null);
    }

    static void multi(ZooKeeper client) throws Exception {
        StringBuilder kinds = new StringBuilder("multi:");
        List<OpResult> results = client.multi(Arrays.asList(
            Op.check(root, -1),
            Op.create(root + "/multi", bytes("m"), Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL),
            Op.setData(root + "/multi", bytes("n"), 0),
            Op.create(root + "/gone", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.delete(root + "/gone", -1)));
        for (OpResult result : results) {
            kinds.append(' ').append(result.getClass().getSimpleName());
        }
        say(kinds);
        try {
            client.multi(Arrays.asList(
                Op.setData(root + "/multi", bytes("o"), -1),
                Op.check(root + "/multi", 77),
                Op.delete(root + "/multi", -1)));
        } catch (KeeperException refusal) {
            StringBuilder codes = new StringBuilder("refused: " + refusal.code());
            for (OpResult result : refusal.getResults()) {
                codes.append(' ').append(((OpResult.ErrorResult) result).getErr());
            }
            say(codes);
        }
    }

    static void watches(ZooKeeper client) throws Exception {
        Ear ear = new Ear();
        client.exists(root + "/watched", ear);
        client.getChildren(root, ear);
        client.create(root + "/watched", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        ear.say("create");
        ear.say("create");
        client.getData(root + "/watched", ear, null);
        client.setData(root + "/watched", bytes("x"), -1);
        ear.say("data");
        client.getData(root + "/watched", ear, null);
        client.delete(root + "/watched", -1);
        ear.say("delete");
    }

    /** Since 3.6. */
    static void persistentWatches(ZooKeeper client) throws Exception {
        Class<?> mode;
        try {
            mode = Class.forName("org.apache.zookeeper.AddWatchMode");
        } catch (ClassNotFoundException old) {
            return;
        }
        Method addWatch = ZooKeeper.class.getMethod("addWatch", String.class, Watcher.class, mode);
        Ear all = new Ear();
        addWatch.invoke(client, root, all, mode.getField("PERSISTENT_RECURSIVE").get(null));
        Ear one = new Ear();
        addWatch.invoke(client, root + "/node", one, mode.getField("PERSISTENT").get(null));
        client.create(root + "/node/deep", null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        client.setData(root + "/node/deep", bytes("1"), -1);
        client.setData(root + "/node", bytes("2"), -1);
        client.setData(root + "/node", bytes("3"), -1);
        client.delete(root + "/node/deep", -1);
        for (int round = 0; round < 5; round++) {
            all.say("recursive");
        }
        for (int round = 0; round < 4; round++) {
            one.say("persistent");
        }
        Class<?> kind = Class.forName("org.apache.zookeeper.Watcher$WatcherType");
        ZooKeeper.class.getMethod("removeAllWatches", String.class, kind, boolean.class)
            .invoke(client, root, kind.getField("Any").get(null), false);
    }

    static void auth(ZooKeeper client, String servers) throws Exception {
        client.addAuthInfo("digest", bytes("alice:secret"));
        client.create(root + "/private", bytes("p"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        say(client.getACL(root + "/private", new Stat()));
        ZooKeeper stranger = connect(servers, new Ear());
        attempt("a stranger reads", () -> text(stranger.getData(root + "/private", false, null)));
        stranger.addAuthInfo("digest", bytes("alice:secret"));
        attempt("with the password", () -> text(stranger.getData(root + "/private", false, null)));
        attempt("set ACL", () -> stranger.setACL(root + "/private", Ids.READ_ACL_UNSAFE, -1).getAversion());
        stranger.close();
    }

    static void cut(ZooKeeper client, Ear ear) throws Exception {
        long session = client.getSessionId();
        Ear watch = new Ear();
        client.getData(root + "/node", watch, null);
        client.exists(root + "/later", watch);
        ear.heard.clear();
        say("#cut");
        ear.waitFor(KeeperState.Disconnected);
        ear.waitFor(KeeperState.SyncConnected);
        say("the same session: " + (session == client.getSessionId()));
        attempt("ephemeral node", () -> text(client.getData(root + "/ephemeral", false, null)));
        client.setData(root + "/node", bytes("after the cut"), -1);
        watch.say("watch from before the cut");
        client.create(root + "/later", null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        watch.say("watch from before the cut");
    }

    static void sasl(String servers) throws Exception {
        System.setProperty("zookeeper.sasl.client", "true");
        Ear ear = new Ear();
        ZooKeeper client = new ZooKeeper(servers, TIMEOUT_MS, ear);
        ear.waitFor(KeeperState.SaslAuthenticated);
        say("gone with its session: " + client.exists(root + "/ephemeral", false));
        List<ACL> own = Collections.singletonList(new ACL(Perms.ALL, new Id("sasl", "bob")));
        say(client.create(root + "/bobs", bytes("b"), own, CreateMode.PERSISTENT));
        attempt("bob reads", () -> text(client.getData(root + "/bobs", false, null)));
        ear.heard.clear();
        say("#cut");
        ear.waitFor(KeeperState.Disconnected);
        ear.waitFor(KeeperState.SaslAuthenticated);
        attempt("bob reads after the cut", () -> text(client.getData(root + "/bobs", false, null)));
        try {
            for (Object who : (List<?>) ZooKeeper.class.getMethod("whoAmI").invoke(client)) {
                say(who.toString().trim());
            }
        } catch (NoSuchMethodException old) {
            say("whoAmI is unknown here");
        }
        client.close();
        System.setProperty("zookeeper.sasl.client", "false");
        ZooKeeper stranger = connect(servers, new Ear());
        attempt("a stranger reads", () -> text(stranger.getData(root + "/bobs", false, null)));
        stranger.close();
    }
}
