/* A session of the C client that makes a node and asks for nothing more. Arguments: the servers, the timeout in ms, the
 * node. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static void hear(zhandle_t *client, int type, int state, const char *path, void *context)
{
    (void)client, (void)type, (void)state, (void)path, (void)context;
}

int main(int count, char **arguments)
{
    if (count != 4)
        return 2;
    zhandle_t *client = zookeeper_init(arguments[1], hear, atoi(arguments[2]), NULL, NULL, 0);
    int code;
    do {
        usleep(100000);
        code = zoo_create(client, arguments[3], "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
    } while (code != ZOK && code != ZNODEEXISTS);
    printf("holds\n");
    fflush(stdout);
    for (;;)
        pause();
}
