"""A session of kazoo that writes to a node of its own, and watches it, until it is ended; says when it has one."""

import logging
import sys
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException

logging.basicConfig(level=logging.INFO)
servers, timeout = sys.argv[1], float(sys.argv[2])
client = KazooClient(hosts=servers, timeout=timeout)
client.start(timeout=60)
session = "0x%x" % client.client_id[0]
path = "/holder-" + session
client.create(path, b"", ephemeral=True)
print("holds", session, path, flush=True)
while True:
    try:
        client.set(path, b"again")
        client.get(path, watch=lambda event: None)
    except KazooException as refusal:
        print(type(refusal).__name__, flush=True)
    time.sleep(0.2)
