/* Lesson 4's server in C, to measure beside ours: cc -O2 time_server.c -o time_server
 *
 * The same work for each request: its length is checked, the local time is formatted, a line of log
 * is written. */
#include "listen.h"
#include <string.h>
#include <time.h>

int main(int argc, char **argv)
{
    (void)argc;
    static char request[65508], answer[1025];
    int clock = listen_on(SOCK_DGRAM, argv[1], 0);
    for (;;) {
        struct sockaddr_in sender;
        socklen_t size = sizeof sender;
        ssize_t n = recvfrom(clock, request, sizeof request - 1, 0, (struct sockaddr *)&sender, &size);
        if (n < 0)
            continue;
        request[n] = 0;
        size_t length = 0;
        if (n <= 256 && strlen(request) == (size_t)n) {
            time_t now = time(NULL);
            struct tm local;
            localtime_r(&now, &local);
            length = strftime(answer, sizeof answer, n ? request : "%Y-%m-%d %X", &local);
        }
        if (length == 0)
            length = sprintf(answer, "error: there is no time in that format");
        printf("%s:%d asked '%.256s'; %zu bytes went back\n", inet_ntoa(sender.sin_addr),
               ntohs(sender.sin_port), request, length);
        sendto(clock, answer, length, 0, (struct sockaddr *)&sender, size);
    }
}
