"""A session of kazoo that makes a node and asks for nothing more. Arguments: the servers, the timeout in ms, the node."""

import logging
import sys
import time

from kazoo.client import KazooClient

logging.basicConfig(level=logging.INFO)
servers, timeout, node = sys.argv[1:]
client = KazooClient(hosts=servers, timeout=int(timeout) / 1000)
client.start(timeout=60)
client.create(node, b"", ephemeral=True)
print("holds", flush=True)
while True:
    time.sleep(60)
