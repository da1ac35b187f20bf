/* Lesson 8's protocol in C with one thread and poll, written as lesson 9's engine is: the list is
 * built anew for each call, what a client does not take is kept for it:
 * cc -O2 poll_server.c -o poll_server */
#include "listen.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { MAX_LINE = 8192, MAX_WAITING = 1 << 20 };

struct buffer {
    char *bytes;
    size_t size, room;
};

struct client {
    int stream;
    struct buffer begun;   /* of the line that has not ended */
    struct buffer waiting; /* what the client has not taken yet */
};

static int append(struct buffer *b, const char *bytes, size_t n)
{
    if (b->size + n > b->room) {
        size_t room = b->room ? b->room : 64;
        while (room < b->size + n)
            room *= 2;
        char *more = realloc(b->bytes, room);
        if (!more)
            return 0;
        b->bytes = more;
        b->room = room;
    }
    memcpy(b->bytes + b->size, bytes, n);
    b->size += n;
    return 1;
}

/* Who is silent holds no memory. */
static void take_out(struct buffer *b, size_t n)
{
    b->size -= n;
    if (b->size) {
        memmove(b->bytes, b->bytes + n, b->size);
    } else {
        free(b->bytes);
        *b = (struct buffer){0};
    }
}

/* Each returns 0 when the client is gone. */
static int write_to(struct client *c)
{
    while (c->waiting.size) {
        ssize_t n = send(c->stream, c->waiting.bytes, c->waiting.size, MSG_NOSIGNAL);
        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        take_out(&c->waiting, n);
    }
    return 1;
}

static int read_from(struct client *c)
{
    static char buffer[16 * 1024];
    ssize_t n = recv(c->stream, buffer, sizeof buffer, 0);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0 || !append(&c->begun, buffer, n))
        return 0;
    size_t start = 0;
    char *end;
    while ((end = memchr(c->begun.bytes + start, '\n', c->begun.size - start))) {
        size_t next = end + 1 - c->begun.bytes;
        if (next - start > MAX_LINE || !append(&c->waiting, c->begun.bytes + start, next - start))
            return 0;
        start = next;
    }
    if (start)
        take_out(&c->begun, start);
    return c->begun.size < MAX_LINE && c->waiting.size <= MAX_WAITING;
}

int main(int argc, char **argv)
{
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 4096);
    fcntl(listener, F_SETFL, O_NONBLOCK);
    static struct client clients[10000];
    static struct pollfd fds[10001];
    size_t here = 0;
    for (int number = 1;;) {
        for (size_t i = 0; i < here; i++)
            fds[i] = (struct pollfd){clients[i].stream, POLLIN | (clients[i].waiting.size ? POLLOUT : 0), 0};
        fds[here] = (struct pollfd){listener, POLLIN, 0};
        if (poll(fds, here + 1, -1) < 0)
            continue;
        size_t known = here, kept = 0;
        int door = fds[here].revents;
        for (size_t i = 0; i < known; i++) {
            struct client *c = &clients[i];
            int stays = 1;
            if (fds[i].revents & (POLLIN | POLLERR | POLLHUP))
                stays = read_from(c);
            if (stays && write_to(c)) {
                clients[kept++] = *c;
                continue;
            }
            close(c->stream);
            free(c->begun.bytes);
            free(c->waiting.bytes);
        }
        here = kept;
        int stream;
        while (door && here < 10000 && (stream = accept(listener, NULL, NULL)) >= 0) {
            char greeting[64];
            fcntl(stream, F_SETFL, O_NONBLOCK);
            clients[here] = (struct client){.stream = stream};
            append(&clients[here].waiting, greeting, snprintf(greeting, sizeof greeting, "hello, you are client %d\n", number++));
            write_to(&clients[here++]);
        }
    }
}
