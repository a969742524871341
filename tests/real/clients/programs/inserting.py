"""A session of ClickHouse's own client that inserts into a KeeperMap table again and again, and says what it is answered.

Arguments: the servers, the root of its nodes.
"""

import sys
import tempfile
import time

from clickhouse import Client, configuration


def main():
    servers, root = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="zoogate-inserting-") as folder:
        client = Client(folder, configuration(folder, {}, servers, root))
        client.say("CREATE DATABASE d ENGINE = Atomic")
        client.say("CREATE TABLE d.map (k String, v UInt64) ENGINE = KeeperMap('/map') PRIMARY KEY k")
        number = 0
        while True:
            number += 1
            client.say(f"INSERT INTO d.map VALUES ('{number}', {number})")
            time.sleep(0.3)


main()
