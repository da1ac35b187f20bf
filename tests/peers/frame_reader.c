/* Reads frames as lesson 6 does, to measure beside ours: cc -O2 frame_reader.c -o frame_reader
 *
 * One client after another; the stream is read in blocks of 64 KiB, and a body is copied out of the
 * block as ours is. */
#include "listen.h"
#include <stdint.h>
#include <string.h>
#include <unistd.h>

static char block[64 * 1024];
static size_t begin, end;

/* Exactly n bytes. */
static int take(int stream, char *bytes, size_t n)
{
    while (n > 0) {
        if (begin == end) {
            ssize_t got = recv(stream, block, sizeof block, 0);
            if (got <= 0)
                return 0;
            begin = 0, end = got;
        }
        size_t part = n < end - begin ? n : end - begin;
        memcpy(bytes, block + begin, part);
        begin += part, bytes += part, n -= part;
    }
    return 1;
}

int main(int argc, char **argv)
{
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 128);
    for (;;) {
        int stream = accept(listener, NULL, NULL);
        uint32_t length;
        begin = end = 0;
        while (take(stream, (char *)&length, 4) && (length = ntohl(length)) <= 64 * 1024) {
            char *body = malloc(length ? length : 1);
            int whole = body && take(stream, body, length);
            free(body);
            if (!whole)
                break;
        }
        close(stream);
    }
}
