"""A session of kazoo: prints what it was told, and nothing that varies."""

import queue
import sys

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException
from kazoo.security import make_acl, make_digest_acl
from kazoo.recipe.watchers import DataWatch

PATIENCE = 60
TIMEOUT = 15.0


def say(*words):
    print(*words, flush=True)


def attempt(what, act):
    try:
        say(what + ":", act())
    except KazooException as refusal:
        say(what + ":", type(refusal).__name__)


def heard(events):
    event = events.get(timeout=PATIENCE)
    return f"{event.type} {event.path}"


def nodes(client, root):
    say(client.create(root + "/node", b"one"))
    attempt("again", lambda: client.create(root + "/node", b""))
    data, stat = client.get(root + "/node")
    say(data.decode(), "version", stat.version)
    say("set: version", client.set(root + "/node", "zwei ä😀".encode(), version=0).version)
    attempt("bad version", lambda: client.set(root + "/node", b"x", version=0))
    attempt("missing", lambda: client.get(root + "/missing"))
    say("exists:", client.exists(root + "/missing"))
    say(client.create(root + "/ä", b""))
    attempt("surrogates in a path", lambda: client.create(root + "/😀", b""))
    for _ in range(3):
        say(client.create(root + "/node/s-", b"", sequence=True))
    path, stat = client.create(root + "/node/both", b"stat", include_data=True)
    say(path, stat.dataLength)
    say(client.create(root + "/ephemeral", b"mine", ephemeral=True))
    say("owned:", client.exists(root + "/ephemeral").ephemeralOwner == client.client_id[0])
    attempt("below an ephemeral node", lambda: client.create(root + "/ephemeral/x", b""))
    say(client.create(root + "/e-", b"", ephemeral=True, sequence=True))
    say(sorted(client.get_children(root)))
    large = b"\7" * 900_000
    say("large:", client.set(root + "/node", large).data_length)
    say("equal:", client.get(root + "/node")[0] == large)
    attempt("not empty", lambda: client.delete(root + "/node"))
    children, stat = client.get_children(root + "/node", include_data=True)
    say(len(children), stat.numChildren)
    say(client.sync(root))


def multi(client, root):
    transaction = client.transaction()
    transaction.check(root, 0)
    transaction.create(root + "/multi", b"m", ephemeral=True)
    transaction.set_data(root + "/multi", b"n", version=0)
    transaction.create(root + "/gone", b"")
    transaction.delete(root + "/gone")
    results = transaction.commit()
    say("multi:", [getattr(result, "version", result) for result in results])
    refused = client.transaction()
    refused.set_data(root + "/multi", b"o")
    refused.check(root + "/multi", version=77)
    refused.delete(root + "/multi")
    say("refused:", [type(result).__name__ for result in refused.commit()])


def watches(client, root):
    events = queue.Queue()
    client.exists(root + "/watched", watch=events.put)
    client.create(root + "/watched", b"")
    say("create:", heard(events))
    client.get(root + "/watched", watch=events.put)
    client.set(root + "/watched", b"x")
    say("data:", heard(events))
    client.get_children(root + "/watched", watch=events.put)
    client.create(root + "/watched/child", b"")
    say("children:", heard(events))


def auth(client, root, servers):
    client.add_auth("digest", "alice:secret")
    acl = make_digest_acl("alice", "secret", all=True)
    say(client.create(root + "/private", b"p", acl=[acl]))
    say(client.get_acls(root + "/private")[0])
    stranger = KazooClient(hosts=servers, timeout=TIMEOUT)
    stranger.start(timeout=PATIENCE)
    attempt("a stranger reads", lambda: stranger.get(root + "/private")[0])
    stranger.add_auth("digest", "alice:secret")
    attempt("with the password", lambda: stranger.get(root + "/private")[0])
    stranger.stop()
    stranger.close()


def recipes(client, root):
    lock = client.Lock(root + "/lock", "me")
    say("locked:", lock.acquire(timeout=PATIENCE))
    say(lock.contenders())
    lock.release()
    counter = client.Counter(root + "/counter")
    counter += 41
    counter += 1
    say("counter:", counter.value)


def cut(client, root):
    states = queue.Queue()
    client.add_listener(lambda state: states.put(state) and None)
    session = client.client_id[0]
    values = queue.Queue()
    DataWatch(client, root + "/ephemeral", lambda data, stat: values.put(data) and None)
    say("data watch:", values.get(timeout=PATIENCE))
    say("#cut")
    say(states.get(timeout=PATIENCE))
    say(states.get(timeout=PATIENCE))
    say("the same session:", client.client_id[0] == session)
    client.retry(client.set, root + "/ephemeral", b"after the cut")
    data = values.get(timeout=PATIENCE)
    while data != b"after the cut":
        data = values.get(timeout=PATIENCE)
    say("data watch:", data)
    say(client.get(root + "/private")[0])


def sasl(servers, root):
    options = {"mechanism": "DIGEST-MD5", "username": "bob", "password": "bobsecret"}
    client = KazooClient(hosts=servers, timeout=TIMEOUT, sasl_options=options)
    client.start(timeout=PATIENCE)
    say("gone with its session:", client.exists(root + "/ephemeral"))
    say(client.create(root + "/bobs", b"b", acl=[make_acl("sasl", "bob", all=True)]))
    say("bob reads:", client.get(root + "/bobs")[0])
    client.stop()
    stranger = KazooClient(hosts=servers, timeout=TIMEOUT)
    stranger.start(timeout=PATIENCE)
    attempt("a stranger reads", lambda: stranger.get(root + "/bobs")[0])
    say("version:", ".".join(map(str, stranger.server_version())))
    stranger.stop()


def main():
    servers, root = sys.argv[1:]
    client = KazooClient(hosts=servers, timeout=TIMEOUT)
    client.start(timeout=PATIENCE)
    say(client.create(root, b""))
    nodes(client, root)
    multi(client, root)
    watches(client, root)
    auth(client, root, servers)
    recipes(client, root)
    cut(client, root)
    client.stop()
    client.close()
    say("closed")
    sasl(servers, root)


main()
