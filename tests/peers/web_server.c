/* Lesson 10's server in C, to measure beside ours: cc -O2 -pthread web_server.c -o web_server
 *
 * web_server PORT DIR: GET, keep-alive, a thread for each connection, the path resolved as ours is.
 * No limits, no deadlines and no log: the least that such a server can do. */
#define _GNU_SOURCE
#include "listen.h"
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char root[PATH_MAX];

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

static int answer(int stream, const char *head)
{
    char target[PATH_MAX / 2], path[PATH_MAX], real[PATH_MAX], out[65536], date[64];
    struct stat about;
    time_t now = time(NULL);
    struct tm utc;
    int file = -1;
    strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &utc));
    if (sscanf(head, "GET %2000s HTTP/1.1", target) == 1) {
        snprintf(path, sizeof path, "%.2000s%s", root, target);
        if (realpath(path, real) && !strncmp(real, root, strlen(root)))
            file = open(real, O_RDONLY | O_CLOEXEC);
    }
    if (file < 0 || fstat(file, &about) || !S_ISREG(about.st_mode) || about.st_size > 60000) {
        if (file >= 0)
            close(file);
        const char *none = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
        return send_all(stream, none, strlen(none));
    }
    int n = snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %ld\r\n\r\n",
                     date, (long)about.st_size);
    ssize_t came = read(file, out + n, about.st_size);
    close(file);
    return came == about.st_size ? send_all(stream, out, n + came) : -1;
}

static void *handle(void *argument)
{
    int stream = (int)(intptr_t)argument, on = 1, failed = 0;
    char buffer[8193];
    size_t filled = 0;
    ssize_t n;
    setsockopt(stream, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (!failed && (n = recv(stream, buffer + filled, sizeof buffer - 1 - filled, 0)) > 0) {
        char *head = buffer, *end;
        filled += n;
        buffer[filled] = 0;
        while (!failed && (end = strstr(head, "\r\n\r\n"))) {
            *end = 0;
            failed = answer(stream, head);
            head = end + 4;
        }
        filled -= head - buffer;
        memmove(buffer, head, filled);
    }
    close(stream);
    return NULL;
}

int main(int argc, char **argv)
{
    if (argc < 3 || !realpath(argv[2], root))
        return 2;
    int listener = listen_on(SOCK_STREAM, argv[1], 4096);
    for (;;) {
        int stream = accept(listener, NULL, NULL);
        pthread_t thread;
        if (stream < 0)
            continue;
        if (pthread_create(&thread, NULL, handle, (void *)(intptr_t)stream))
            close(stream);
        else
            pthread_detach(thread);
    }
}
