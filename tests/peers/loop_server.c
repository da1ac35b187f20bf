/* Lesson 2's server in C, to measure beside ours: cc -O2 loop_server.c -o loop_server */
#include "listen.h"
#include <unistd.h>

static int send_all(int stream, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(stream, bytes, n, MSG_NOSIGNAL);
        if (sent < 0)
            return -1;
        bytes += sent, n -= sent;
    }
    return 0;
}

int main(int argc, char **argv)
{
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 128);
    for (;;) {
        struct sockaddr_in client;
        socklen_t size = sizeof client;
        char buffer[1024];
        ssize_t n;
        int stream = accept(listener, (struct sockaddr *)&client, &size);
        if (stream < 0)
            continue;
        printf("accepted port %d\n", ntohs(client.sin_port));
        while ((n = recv(stream, buffer, sizeof buffer, 0)) > 0 && !send_all(stream, buffer, n))
            ;
        printf("port %d has finished\n", ntohs(client.sin_port));
        close(stream);
    }
}
