/* Lesson 7's server in C, to measure beside ours: cc -O2 auth_server.c -o auth_server
 *
 * For each client it does what ours does: a nonce from the system, HMAC-MD5 that goes on from where
 * the key was hashed at the start, a comparison that does not stop early (of 32 digits; ours
 * compares the 16 bytes), one deadline for all of its reads, a line of log. MD5 is RFC 1321, HMAC
 * RFC 2104. */
#include "listen.h"
#include <math.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const char KEY[] = "这是一个秘钥";
static uint32_t table[64];
static uint32_t inner[4], outer[4]; /* what HMAC's two hashes are once the key has gone in */

static void md5_block(uint32_t state[4], const uint8_t *block)
{
    static const uint8_t shift[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t word[16], a = state[0], b = state[1], c = state[2], d = state[3];
    memcpy(word, block, 64); /* little-endian machines only */
    for (int i = 0; i < 64; i++) {
        uint32_t f;
        int g;
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d); g = i; break;
        case 1: f = (d & b) | (~d & c); g = (5 * i + 1) % 16; break;
        case 2: f = b ^ c ^ d; g = (3 * i + 5) % 16; break;
        default: f = c ^ (b | ~d); g = (7 * i) % 16; break;
        }
        f += a + table[i] + word[g];
        a = d, d = c, c = b;
        int s = shift[i / 16][i % 4];
        b += f << s | f >> (32 - s);
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d;
}

/* Hashes the block in which each byte of the key is combined with `pad`. */
static void begin(uint32_t state[4], uint8_t pad)
{
    static const uint32_t start[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
    uint8_t block[64];
    memset(block, pad, 64);
    for (size_t i = 0; i < sizeof KEY - 1; i++)
        block[i] ^= (uint8_t)KEY[i];
    memcpy(state, start, 16);
    md5_block(state, block);
}

/* Goes on from a state behind one block with at most 55 bytes, the last ones. */
static void end(const uint32_t begun[4], const uint8_t *rest, size_t n, uint8_t hash[16])
{
    uint32_t state[4];
    uint8_t last[64] = {0};
    uint64_t bits = (64 + n) * 8;
    memcpy(state, begun, 16);
    memcpy(last, rest, n);
    last[n] = 0x80;
    memcpy(last + 56, &bits, 8);
    md5_block(state, last);
    memcpy(hash, state, 16);
}

static void hmac_md5(const uint8_t *message, size_t n, uint8_t tag[16])
{
    uint8_t hash[16];
    end(inner, message, n, hash);
    end(outer, hash, 16, tag);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static int is_legitimate(int stream)
{
    static const char digits[] = "0123456789abcdef";
    double deadline = now() + 5;
    uint8_t nonce[32], tag[16];
    char answer[32], right[32];
    if (getrandom(nonce, 32, 0) != 32 || send(stream, nonce, 32, MSG_NOSIGNAL) != 32)
        return 0;
    for (int n = 0; n < 32;) {
        double left = deadline - now();
        if (left < 1e-6) /* a timeout of 0 would mean none */
            return 0;
        struct timeval timeout = {(time_t)left, (suseconds_t)(fmod(left, 1) * 1e6)};
        setsockopt(stream, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
        ssize_t more = recv(stream, answer + n, 32 - n, 0);
        if (more <= 0)
            return 0;
        n += more;
    }
    hmac_md5(nonce, 32, tag);
    for (int i = 0; i < 16; i++)
        right[2 * i] = digits[tag[i] >> 4], right[2 * i + 1] = digits[tag[i] & 15];
    int difference = 0;
    for (int i = 0; i < 32; i++)
        difference |= right[i] ^ answer[i];
    return difference == 0;
}

int main(int argc, char **argv)
{
    for (int i = 0; i < 64; i++)
        table[i] = (uint32_t)(fabs(sin(i + 1)) * 4294967296.0);
    begin(inner, 0x36);
    begin(outer, 0x5c);
    (void)argc;
    int listener = listen_on(SOCK_STREAM, argv[1], 128);
    for (;;) {
        struct sockaddr_in client;
        socklen_t size = sizeof client;
        int stream = accept(listener, (struct sockaddr *)&client, &size);
        if (stream < 0)
            continue;
        int legitimate = is_legitimate(stream);
        printf("127.0.0.1:%d is %slegitimate\n", ntohs(client.sin_port), legitimate ? "" : "not ");
        if (legitimate)
            send(stream, "welcome\n", 8, MSG_NOSIGNAL);
        close(stream);
    }
}
