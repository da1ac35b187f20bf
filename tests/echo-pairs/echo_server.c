// Echo server for one client: sends back every byte until the client has finished.
// Build: cc -o echo_server echo_server.c    Run: ./echo_server 127.0.0.1 0
#define _POSIX_C_SOURCE 200809L
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void fail(const char *what, const char *why) {
    fprintf(stderr, "error: %s: %s\n", what, why);
    exit(1);
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: echo_server HOST PORT\n");
        return 1;
    }
    const char *host = argv[1];
    char *end;
    long port = strtol(argv[2], &end, 10);
    if (end == argv[2] || *end != '\0' || port < 0 || port > 65535)
        fail(argv[2], "PORT must be 0 to 65535");

    // A client that is gone must be an error of send, not the end of this process.
    signal(SIGPIPE, SIG_IGN);

    // 1. Turn HOST and PORT into an address.
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int bad = getaddrinfo(host, argv[2], &hints, &found);
    if (bad) fail(host, gai_strerror(bad));

    // 2. Make a socket, bind it to the address, listen.
    int listener = socket(found->ai_family, found->ai_socktype, found->ai_protocol);
    if (listener < 0) fail("socket", strerror(errno));
    int yes = 1; // bind although connections of an earlier run are in TIME_WAIT
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) < 0)
        fail("setsockopt", strerror(errno));
    if (bind(listener, found->ai_addr, found->ai_addrlen) < 0) fail("bind", strerror(errno));
    if (listen(listener, 128) < 0) fail("listen", strerror(errno));
    freeaddrinfo(found);

    // 3. Port 0 let the system choose: say which port it chose.
    struct sockaddr_in local;
    socklen_t local_size = sizeof local;
    if (getsockname(listener, (struct sockaddr *)&local, &local_size) < 0)
        fail("getsockname", strerror(errno));
    char ip[INET_ADDRSTRLEN];
    if (!inet_ntop(AF_INET, &local.sin_addr, ip, sizeof ip)) fail("inet_ntop", strerror(errno));
    printf("listening on %s:%d\n", ip, ntohs(local.sin_port));
    if (fflush(stdout) != 0) fail("stdout", strerror(errno));

    // 4. Accept one client. It gets a socket of its own.
    int client;
    do {
        client = accept(listener, NULL, NULL);
    } while (client < 0 && errno == EINTR);
    if (client < 0) fail("accept", strerror(errno));

    // 5. Send back every byte. A read of 0 bytes says that the client has finished.
    char buffer[4096];
    for (;;) {
        ssize_t got = recv(client, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("recv", strerror(errno));
        if (got == 0) break;
        for (ssize_t done = 0; done < got;) { // send may take only a part
            ssize_t sent = send(client, buffer + done, (size_t)(got - done), 0);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) fail("send", strerror(errno));
            done += sent;
        }
    }

    // 6. Close. Nothing is left unread, so the client sees a clean end.
    close(client);
    close(listener);
    return 0;
}
