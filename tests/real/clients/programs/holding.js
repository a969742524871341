// A session of node-zookeeper-client that makes a node and asks for nothing more. Arguments: the servers, the timeout in ms,
// the node.
const zookeeper = require('node-zookeeper-client');

const [servers, timeout, node] = process.argv.slice(2);
const client = zookeeper.createClient(servers, { sessionTimeout: Number(timeout) });
client.once('connected', () => {
    client.create(node, Buffer.alloc(0), zookeeper.CreateMode.EPHEMERAL, (error) => {
        if (error) throw error;
        console.log('holds');
    });
});
client.connect();
