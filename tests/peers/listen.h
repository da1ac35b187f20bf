/* What the servers in this folder begin with: a socket on a port of 127.0.0.1, 0 for any free one,
 * and a line that says which. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static int listen_on(int type, const char *port, int backlog)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t size = sizeof addr;
    int fd = socket(AF_INET, type, 0), on = 1;
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    addr.sin_port = htons(port ? atoi(port) : 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&addr, size) || (type == SOCK_STREAM && listen(fd, backlog))) {
        perror("cannot listen");
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&addr, &size);
    setvbuf(stdout, NULL, _IOLBF, 0); /* each line leaves at its end, as in our programs */
    printf("listening on 127.0.0.1:%d\n", ntohs(addr.sin_port));
    return fd;
}
