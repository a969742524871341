/* A session of the C client: prints what it was told, and nothing that varies. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

#define TIMEOUT_MS 15000
#define PATIENCE_S 60
#define LARGE 900000

/* What a watcher was told; a queue of a few places. */
struct ear {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct { int type, state; char path[256]; } heard[32];
    int put, taken;
};

#define EAR { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, {{0}}, 0, 0 }

static struct ear states = EAR, watched = EAR;
static char root[128];

static void hear(zhandle_t *client, int type, int state, const char *path, void *context)
{
    struct ear *ear = context ? context : &states;
    pthread_mutex_lock(&ear->lock);
    /* Every watcher is told of the session's states, too. */
    if ((type == ZOO_SESSION_EVENT) == (ear == &states)) {
        int place = ear->put++ % 32;
        ear->heard[place].type = type;
        ear->heard[place].state = state;
        snprintf(ear->heard[place].path, sizeof ear->heard[place].path, "%s", path ? path : "");
        pthread_cond_signal(&ear->more);
    }
    pthread_mutex_unlock(&ear->lock);
    (void)client;
}

/* The place of the next event. */
static int next(struct ear *ear)
{
    struct timespec deadline;
    clock_gettime(CLOCK_REALTIME, &deadline);
    deadline.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&ear->lock);
    while (ear->taken == ear->put) {
        if (pthread_cond_timedwait(&ear->more, &ear->lock, &deadline) != 0) {
            printf("no event came\n");
            exit(1);
        }
    }
    int place = ear->taken++ % 32;
    pthread_mutex_unlock(&ear->lock);
    return place;
}

static void say_event(const char *what)
{
    int place = next(&watched);
    printf("%s: type %d %s\n", what, watched.heard[place].type, watched.heard[place].path);
}

static void wait_for(int state)
{
    while (states.heard[next(&states)].state != state)
        ;
}

static zhandle_t *connect_to(const char *servers)
{
    zhandle_t *client = zookeeper_init(servers, hear, TIMEOUT_MS, NULL, NULL, 0);
    if (!client) {
        printf("cannot begin\n");
        exit(1);
    }
    wait_for(ZOO_CONNECTED_STATE);
    return client;
}

static const char *at(const char *name)
{
    static char paths[8][256];
    static int turn;
    char *path = paths[turn++ % 8];
    snprintf(path, 256, "%s%s", root, name);
    return path;
}

static void create(zhandle_t *client, const char *name, const char *value, int flags)
{
    char made[256] = "";
    int length = value ? (int)strlen(value) : -1;
    int code = zoo_create(client, at(name), value, length, &ZOO_OPEN_ACL_UNSAFE, flags, made, sizeof made);
    printf("create: %d %s\n", code, made);
}

static void get(zhandle_t *client, const char *what, const char *name)
{
    char value[64] = "";
    int length = sizeof value - 1;
    struct Stat stat = {0};
    int code = zoo_get(client, at(name), 0, value, &length, &stat);
    printf("%s: %d %.*s version %d length %d\n", what, code, length > 0 ? length : 0, value, stat.version,
           stat.dataLength);
}

static void nodes(zhandle_t *client)
{
    create(client, "", NULL, 0);
    create(client, "/node", "one", 0);
    create(client, "/node", "one", 0);
    get(client, "get", "/node");
    printf("set: %d\n", zoo_set(client, at("/node"), "zwei", 4, 0));
    printf("bad version: %d\n", zoo_set(client, at("/node"), "drei", 4, 0));
    get(client, "get", "/node");
    get(client, "missing", "/missing");
    for (int round = 0; round < 3; round++)
        create(client, "/node/s-", NULL, ZOO_SEQUENCE);
    create(client, "/ephemeral", "mine", ZOO_EPHEMERAL);
    struct Stat stat;
    int code = zoo_exists(client, at("/ephemeral"), 0, &stat);
    printf("owned: %d %d\n", code, stat.ephemeralOwner == zoo_client_id(client)->client_id);
    create(client, "/ephemeral/x", NULL, 0);
    create(client, "/e-", NULL, ZOO_EPHEMERAL | ZOO_SEQUENCE);
    struct String_vector children;
    code = zoo_get_children2(client, at("/node"), 0, &children, &stat);
    printf("children: %d %d %d\n", code, children.count, stat.numChildren);
    deallocate_String_vector(&children);
    char *large = calloc(1, LARGE), *read = malloc(LARGE);
    int length = LARGE;
    printf("large: %d\n", zoo_set(client, at("/node"), large, LARGE, -1));
    code = zoo_get(client, at("/node"), 0, read, &length, &stat);
    printf("equal: %d %d %d\n", code, length, memcmp(large, read, LARGE));
    free(large);
    free(read);
    printf("not empty: %d\n", zoo_delete(client, at("/node"), -1));
}

static void multi(zhandle_t *client)
{
    zoo_op_t ops[4];
    zoo_op_result_t results[4] = {{0}};
    char made[256] = "";
    struct Stat stat = {0};
    zoo_check_op_init(&ops[0], at(""), 0);
    zoo_create_op_init(&ops[1], at("/multi"), "m", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, made, sizeof made);
    zoo_set_op_init(&ops[2], at("/multi"), "n", 1, 0, &stat);
    zoo_delete_op_init(&ops[3], at("/node/s-0000000001"), -1);
    int code = zoo_multi(client, 4, ops, results);
    printf("multi: %d %s version %d\n", code, made, stat.version);
    zoo_set_op_init(&ops[0], at("/multi"), "o", 1, -1, &stat);
    zoo_check_op_init(&ops[1], at("/multi"), 77);
    zoo_delete_op_init(&ops[2], at("/multi"), -1);
    code = zoo_multi(client, 3, ops, results);
    printf("refused: %d, %d %d %d\n", code, results[0].err, results[1].err, results[2].err);
}

static void watches(zhandle_t *client)
{
    struct Stat stat;
    printf("exists: %d\n", zoo_wexists(client, at("/watched"), hear, &watched, &stat));
    create(client, "/watched", NULL, 0);
    say_event("create");
    char value[8];
    int length = sizeof value;
    zoo_wget(client, at("/watched"), hear, &watched, value, &length, &stat);
    zoo_set(client, at("/watched"), "x", 1, -1);
    say_event("data");
    struct String_vector children;
    zoo_wget_children(client, at("/watched"), hear, &watched, &children);
    create(client, "/watched/child", NULL, 0);
    say_event("children");
    zoo_wexists(client, at("/watched"), hear, &watched, &stat);
    printf("remove watches: %d\n", zoo_remove_watches(client, at("/watched"), ZWATCHTYPE_DATA, hear, &watched, 0));
}

/* The answer to the credentials is an event of its own kind here. */
static void on_auth(int code, const void *context)
{
    hear(NULL, code, 0, "", (void *)context);
}

static void add_auth(zhandle_t *client)
{
    zoo_add_auth(client, "digest", "alice:secret", 12, on_auth, &watched);
    printf("auth: %d\n", watched.heard[next(&watched)].type);
}

static void auth(zhandle_t *client, const char *servers)
{
    add_auth(client);
    char made[256] = "";
    int code = zoo_create(client, at("/private"), "p", 1, &ZOO_CREATOR_ALL_ACL, 0, made, sizeof made);
    printf("create: %d %s\n", code, made);
    struct ACL_vector acl;
    struct Stat stat;
    code = zoo_get_acl(client, at("/private"), &acl, &stat);
    printf("acl: %d %d %s %s\n", code, acl.count, acl.data[0].id.scheme, acl.data[0].id.id);
    deallocate_ACL_vector(&acl);
    zhandle_t *stranger = connect_to(servers);
    get(stranger, "a stranger reads", "/private");
    add_auth(stranger);
    get(stranger, "with the password", "/private");
    zookeeper_close(stranger);
}

static void cut(zhandle_t *client)
{
    int64_t session = zoo_client_id(client)->client_id;
    char value[8];
    int length = sizeof value;
    struct Stat stat;
    zoo_wget(client, at("/watched"), hear, &watched, value, &length, &stat);
    pthread_mutex_lock(&states.lock);
    states.taken = states.put;
    pthread_mutex_unlock(&states.lock);
    printf("#cut\n");
    wait_for(ZOO_CONNECTING_STATE);
    wait_for(ZOO_CONNECTED_STATE);
    printf("the same session: %d\n", session == zoo_client_id(client)->client_id);
    get(client, "ephemeral node", "/ephemeral");
    get(client, "private", "/private");
    printf("set: %d\n", zoo_set(client, at("/watched"), "y", 1, -1));
    say_event("watch from before the cut");
}

/* The library does not wait for the answer to a close. Half a session timeout at most: it is the close that has to
 * remove the node, not the timeout. */
static void wait_until_gone(zhandle_t *client, const char *name)
{
    struct Stat stat;
    struct timespec pause = {0, 20000000};
    for (int round = 0; round < TIMEOUT_MS / 2 / 20 && zoo_exists(client, at(name), 0, &stat) == ZOK; round++)
        nanosleep(&pause, NULL);
}

int main(int count, char **arguments)
{
    if (count != 3)
        return 64;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    snprintf(root, sizeof root, "%s", arguments[2]);
    zhandle_t *client = connect_to(arguments[1]);
    nodes(client);
    multi(client);
    watches(client);
    auth(client, arguments[1]);
    cut(client);
    printf("close: %d\n", zookeeper_close(client));
    client = connect_to(arguments[1]);
    wait_until_gone(client, "/ephemeral");
    get(client, "gone with its session", "/ephemeral");
    zookeeper_close(client);
    return 0;
}
