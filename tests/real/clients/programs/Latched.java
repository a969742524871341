import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.leader.LeaderLatchListener;
import org.apache.curator.retry.RetryNTimes;

/** A leader latch of Curator: it begins when a file is there, and says what it is told until it is killed. */
public class Latched {
    static void say(String words) {
        System.out.println(words);
    }

    public static void main(String[] arguments) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder()
            .connectString(arguments[0])
            .sessionTimeoutMs(Integer.parseInt(arguments[3]))
            .connectionTimeoutMs(15000)
            .retryPolicy(new RetryNTimes(1000, 200))
            .ensembleTracker(false)
            .build();
        client.getConnectionStateListenable().addListener((from, state) -> say("state " + state));
        LeaderLatch latch = new LeaderLatch(client, arguments[1], "one name");
        latch.addListener(new LeaderLatchListener() {
            @Override
            public void isLeader() {
                say("leads");
            }

            @Override
            public void notLeader() {
                say("leads no more");
            }
        });
        // What a new process needs its time for is done by now.
        Path word = Path.of(arguments[2]);
        say("ready");
        while (!Files.exists(word)) {
            Thread.sleep(20);
        }
        client.start();
        latch.start();
        Thread.sleep(Long.MAX_VALUE);
    }
}
