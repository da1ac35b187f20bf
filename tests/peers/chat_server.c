/* Lesson 3's server in C, to measure beside ours: cc -O2 chat_server.c -o chat_server
 *
 * Shows each text, reads a line from standard input, sends it back. Ours shows what came highlighted
 * and with nothing in it that a terminal obeys; this one shows it as it is. */
#include "listen.h"
#include <string.h>

int main(int argc, char **argv)
{
    (void)argc;
    static char datagram[65508], reply[65508];
    int chat = listen_on(SOCK_DGRAM, argv[1], 0);
    for (;;) {
        struct sockaddr_in sender;
        socklen_t size = sizeof sender;
        ssize_t n = recvfrom(chat, datagram, sizeof datagram, 0, (struct sockaddr *)&sender, &size);
        if (n < 0)
            continue;
        printf("[%s:%d] %.*s\n", inet_ntoa(sender.sin_addr), ntohs(sender.sin_port), (int)n, datagram);
        printf("reply> ");
        fflush(stdout);
        if (!fgets(reply, sizeof reply, stdin))
            return 0;
        sendto(chat, reply, strcspn(reply, "\n"), 0, (struct sockaddr *)&sender, size);
    }
}
