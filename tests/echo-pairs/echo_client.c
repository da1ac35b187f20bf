// Echo client: sends one message, says that it is done, prints what comes back.
// Build: cc -o echo_client echo_client.c    Run: ./echo_client 127.0.0.1 PORT MESSAGE
#define _POSIX_C_SOURCE 200809L
#include <errno.h>
#include <netdb.h>
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
    if (argc != 4) {
        fprintf(stderr, "usage: echo_client HOST PORT MESSAGE\n");
        return 1;
    }
    const char *host = argv[1], *message = argv[3];
    char *end;
    long port = strtol(argv[2], &end, 10);
    if (end == argv[2] || *end != '\0' || port < 0 || port > 65535)
        fail(argv[2], "PORT must be 0 to 65535");

    // A server that is gone must be an error of send, not the end of this process.
    signal(SIGPIPE, SIG_IGN);

    // 1. Turn HOST and PORT into addresses, connect to the first that answers.
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    int bad = getaddrinfo(host, argv[2], &hints, &found);
    if (bad) fail(host, gai_strerror(bad));
    int server = -1, why = 0;
    for (struct addrinfo *a = found; a && server < 0; a = a->ai_next) {
        int s = socket(a->ai_family, a->ai_socktype, a->ai_protocol);
        if (s >= 0 && connect(s, a->ai_addr, a->ai_addrlen) == 0) {
            server = s;
        } else {
            why = errno;
            if (s >= 0) close(s);
        }
    }
    if (server < 0) fail("connect", strerror(why));
    freeaddrinfo(found);

    // 2. Send the whole message.
    size_t size = strlen(message);
    for (size_t done = 0; done < size;) { // send may take only a part
        ssize_t sent = send(server, message + done, size - done, 0);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) fail("send", strerror(errno));
        done += (size_t)sent;
    }

    // 3. Half-close: nothing more will come from here, but go on reading.
    if (shutdown(server, SHUT_WR) < 0) fail("shutdown", strerror(errno));

    // 4. Print every byte. A read of 0 bytes says that the server has finished.
    char buffer[4096];
    for (;;) {
        ssize_t got = recv(server, buffer, sizeof buffer, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("recv", strerror(errno));
        if (got == 0) break;
        if (fwrite(buffer, 1, (size_t)got, stdout) != (size_t)got)
            fail("stdout", strerror(errno));
    }
    if (fflush(stdout) != 0) fail("stdout", strerror(errno));

    // 5. Close.
    close(server);
    return 0;
}
