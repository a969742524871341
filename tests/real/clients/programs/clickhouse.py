"""A session of ClickHouse's own client: prints what its queries are answered, and nothing that varies.

Arguments: NAME=VALUE settings of its <zookeeper> section, the servers, the root of its nodes.
"""

import re
import sys
import tempfile
import time

from chdb import session

PATIENCE = 60
SETTINGS = {"session_timeout_ms": "10000", "connection_timeout_ms": "5000"}


def configuration(folder, settings, servers, root):
    nodes = ""
    for server in servers.split(","):
        host, port = server.rsplit(":", 1)
        nodes += f"<node><host>{host}</host><port>{port}</port></node>"
    # The library has no uuid of its own: each run has a place of its own instead.
    settings = SETTINGS | {"sessions_path": root + "/clickhouse/sessions"} | settings
    single = "".join(f"<{name}>{value}</{name}>" for name, value in settings.items())
    path = folder + "/config.xml"
    with open(path, "w") as file:
        file.write(
            f"<clickhouse><zookeeper>{nodes}{single}</zookeeper>"
            f"<keeper_map_path_prefix>{root}/maps</keeper_map_path_prefix></clickhouse>"
        )
    return path


class Client:
    def __init__(self, folder, path):
        self.session = session.Session(f"{folder}/data?config-file={path}")

    def ask(self, query):
        try:
            return str(self.session.query(query)).strip().replace("\n", " ")
        except Exception as refusal:
            code = re.search(r"Code: \d+", str(refusal))
            return code.group() if code else str(refusal)

    def say(self, query):
        print(query, "->", self.ask(query), flush=True)

    def say_in_time(self, query):
        """Says what the query is answered once it is carried out: after a cut the first tries may fail."""
        end = time.monotonic() + PATIENCE
        while (answer := self.ask(query)).startswith("Code") and time.monotonic() < end:
            time.sleep(0.1)
        print(query, "->", answer, flush=True)


def main():
    *settings, servers, root = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="zoogate-clickhouse-") as folder:
        settings = dict(setting.split("=", 1) for setting in settings)
        client = Client(folder, configuration(folder, settings, servers, root))
        client.say("SELECT version() LIKE '26.%'")
        client.say("CREATE DATABASE d ENGINE = Atomic")
        client.say("CREATE TABLE d.map (k String, v UInt64) ENGINE = KeeperMap('/map') PRIMARY KEY k")
        client.say("INSERT INTO d.map SELECT toString(number), number * number FROM numbers(20)")
        client.say("SELECT sum(v), count() FROM d.map")
        client.say("SELECT v FROM d.map WHERE k = '7'")
        client.say("SELECT v FROM d.map WHERE k = 'nothing'")
        client.say("ALTER TABLE d.map UPDATE v = v + 1 WHERE k IN ('1', '2')")
        client.say("SELECT k, v FROM d.map WHERE v < 6 ORDER BY k")
        client.say("DELETE FROM d.map WHERE k > '5'")
        client.say("SELECT count() FROM d.map")
        print("#cut", flush=True)
        # Whatever is asked from here on meets the cut, and not only some of it.
        time.sleep(1)
        client.say_in_time("SELECT count(), max(v) FROM d.map")
        client.say_in_time("INSERT INTO d.map VALUES ('new', 77)")
        client.say("SELECT v FROM d.map WHERE k = 'new'")
        client.say(f"CREATE TABLE d.r (k UInt64) ENGINE = ReplicatedMergeTree('{root}/r', 'r1') ORDER BY k")
        client.say("DROP TABLE d.r SYNC")
        client.say("DROP TABLE d.map SYNC")
        client.session.close()


if __name__ == "__main__":
    main()
