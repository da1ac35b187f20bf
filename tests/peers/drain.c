/* Reads in blocks of 64 KiB and looks at nothing: as fast as a connection gets. To measure beside
 * what reads frames: cc -O2 drain.c -o drain */
#include "listen.h"
#include <unistd.h>

int main(int argc, char **argv)
{
    (void)argc;
    static char block[64 * 1024];
    int listener = listen_on(SOCK_STREAM, argv[1], 128);
    for (;;) {
        int stream = accept(listener, NULL, NULL);
        while (recv(stream, block, sizeof block, 0) > 0)
            ;
        close(stream);
    }
}
