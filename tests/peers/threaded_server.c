/* Lesson 8's server in C, to measure beside ours: cc -O2 -pthread threaded_server.c -o threaded_server
 *
 * A thread for each client, a greeting, each line sent back. No limits and no log: the least that
 * such a server can do. */
#include "listen.h"
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

struct client {
    int stream, number;
};

static int send_all(int stream, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(stream, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0)
            return -1;
        bytes += sent, n -= sent;
    }
    return 0;
}

static void *handle(void *argument)
{
    struct client client = *(struct client *)argument;
    char buffer[8193];
    size_t filled = 0;
    ssize_t n = snprintf(buffer, sizeof buffer, "hello, you are client %d\n", client.number);
    free(argument);
    int failed = send_all(client.stream, buffer, n);
    while (!failed && (n = recv(client.stream, buffer + filled, sizeof buffer - filled, 0)) > 0) {
        char *line = buffer, *end;
        filled += n;
        while (!failed && (end = memchr(line, '\n', buffer + filled - line))) {
            failed = send_all(client.stream, line, end + 1 - line);
            line = end + 1;
        }
        filled -= line - buffer;
        memmove(buffer, line, filled);
        if (filled == sizeof buffer)
            break;
    }
    close(client.stream);
    return NULL;
}

int main(int argc, char **argv)
{
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 4096);

    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 256 * 1024);
    for (int number = 1;;) {
        int stream = accept(listener, NULL, NULL);
        struct client *client = malloc(sizeof *client);
        pthread_t thread;
        if (stream < 0 || !client) {
            free(client);
            usleep(100000);
            continue;
        }
        client->stream = stream, client->number = number;
        if (pthread_create(&thread, &attributes, handle, client)) {
            free(client);
            close(stream);
        } else {
            number++;
        }
    }
}
