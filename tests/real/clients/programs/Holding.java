import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.ZooDefs;
import org.apache.zookeeper.ZooKeeper;

/** A session that makes a node and asks for nothing more. Arguments: the servers, the timeout in ms, the node. */
public class Holding {
    public static void main(String[] arguments) throws Exception {
        ZooKeeper client = new ZooKeeper(arguments[0], Integer.parseInt(arguments[1]), event -> {});
        while (true) {
            try {
                client.create(arguments[2], new byte[0], ZooDefs.Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
                break;
            } catch (KeeperException.ConnectionLossException notYet) {
                Thread.sleep(100);
            } catch (KeeperException.NodeExistsException made) {
                break;
            }
        }
        System.out.println("holds");
        Thread.sleep(Long.MAX_VALUE);
    }
}
