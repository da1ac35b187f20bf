/* Lesson 8's server in C with one thread and epoll (Linux), to see what threads cost:
 * cc -O2 epoll_server.c -o epoll_server
 *
 * A greeting, each line sent back. It drops a client that does not take its reply at once: a real
 * one would keep the rest and wait until the socket can take it. */
#define _GNU_SOURCE
#include "listen.h"
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { MAX_LINE = 8192 };

struct client {
    int stream;
    size_t filled;
    char *begun; /* of the line that has not ended; none while the client waits */
};

static int reply(struct client *client, const char *bytes, size_t n)
{
    return send(client->stream, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)n;
}

/* Reads what has come and sends back the lines in it. Returns 0 when the client is gone. */
static int serve(struct client *client)
{
    static char buffer[MAX_LINE + 1];
    if (client->filled)
        memcpy(buffer, client->begun, client->filled);
    ssize_t n = recv(client->stream, buffer + client->filled, sizeof buffer - client->filled, 0);
    if (n <= 0)
        return 0;
    size_t filled = client->filled + n;
    char *end = memrchr(buffer, '\n', filled);
    size_t whole = end ? end + 1 - buffer : 0;
    if (whole && !reply(client, buffer, whole))
        return 0;
    free(client->begun);
    client->begun = NULL;
    client->filled = filled - whole;
    if (client->filled > MAX_LINE)
        return 0;
    if (client->filled) {
        if (!(client->begun = malloc(client->filled)))
            return 0;
        memcpy(client->begun, buffer + whole, client->filled);
    }
    return 1;
}

int main(int argc, char **argv)
{
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 4096), epoll = epoll_create1(0);

    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL}, events[64];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (int number = 1;;) {
        int ready = epoll_wait(epoll, events, 64, -1);
        for (int i = 0; i < ready; i++) {
            struct client *client = events[i].data.ptr;
            if (client && !serve(client)) {
                close(client->stream);
                free(client->begun);
                free(client);
            }
            if (client)
                continue;
            int stream = accept(listener, NULL, NULL);
            char greeting[64];
            if (stream < 0 || !(client = calloc(1, sizeof *client))) {
                close(stream);
                usleep(100000);
                continue;
            }
            client->stream = stream;
            event.data.ptr = client;
            epoll_ctl(epoll, EPOLL_CTL_ADD, stream, &event);
            reply(client, greeting, snprintf(greeting, sizeof greeting, "hello, you are client %d\n", number++));
        }
    }
}
