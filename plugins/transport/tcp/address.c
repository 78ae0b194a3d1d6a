/* SPDX-License-Identifier: MIT
 * address.c — reads and writes the addresses of the tcp transport.
 * May touch: nothing but its arguments (no resolver).
 */
#include "plugins/transport/tcp/address.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Splits "host:port" or "[host]:port". The host goes to `host`, without its brackets; *six says
 * whether it had some. Returns the port's text, or NULL. */
static const char *split(const char *text, char *host, size_t room, int *six) {
    const char *end = text[0] == '[' ? strchr(text, ']') : strchr(text, ':');
    const char *from = text[0] == '[' ? text + 1 : text;
    size_t n;
    *six = text[0] == '[';
    if (!end || (*six && end[1] != ':'))
        return NULL;
    n = (size_t)(end - from);
    if (n == 0 || n >= room)
        return NULL;
    memcpy(host, from, n);
    host[n] = '\0';
    return end + (*six ? 2 : 1);
}

/* One to five digits that say 0 to 65535, without a needless zero in front; -1 for anything else. */
static int parse_port(const char *s) {
    int port = 0;
    size_t n = strspn(s, "0123456789");
    if (n == 0 || n > 5 || s[n] != '\0' || (n > 1 && s[0] == '0'))
        return -1;
    for (; *s; s++)
        port = port * 10 + (*s - '0');
    return port <= 65535 ? port : -1;
}

static int fail(struct rn_tcp_fault *fault, const char *want, const char *remedy) {
    *fault = (struct rn_tcp_fault){want, remedy};
    return -1;
}

static int not_loopback(struct rn_tcp_fault *fault) {
    return fail(fault, "a loopback address: 127.0.0.0/8 or [::1]",
                "sessions are not sealed in this version, so tcp keeps to this machine: write \"127.0.0.1:24600\" or "
                "\"[::1]:24600\", and reach other machines through a tunnel (SSH, WireGuard)");
}

static int parse_four(const char *host, int port, struct sockaddr_storage *to, socklen_t *n,
                      struct rn_tcp_fault *fault) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &a.sin_addr) != 1)
        return fail(fault, "a number: names are not resolved, except localhost",
                    "write the number, as in \"127.0.0.1:24600\"");
    if (ntohl(a.sin_addr.s_addr) >> 24 != 127)
        return not_loopback(fault);
    memset(to, 0, sizeof *to);
    memcpy(to, &a, sizeof a);
    *n = sizeof a;
    return 0;
}

static int parse_six(const char *host, int port, struct sockaddr_storage *to, socklen_t *n,
                     struct rn_tcp_fault *fault) {
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET6, host, &a.sin6_addr) != 1)
        return fail(fault, "an IPv6 address in the brackets", "write it as in \"[::1]:24600\"");
    if (!IN6_IS_ADDR_LOOPBACK(&a.sin6_addr))
        return not_loopback(fault);
    memset(to, 0, sizeof *to);
    memcpy(to, &a, sizeof a);
    *n = sizeof a;
    return 0;
}

int rn_tcp_parse(const char *text, int any_port, struct sockaddr_storage *to, socklen_t *n,
                 struct rn_tcp_fault *fault) {
    char host[INET6_ADDRSTRLEN + 1];
    int six = 0, port;
    const char *digits = split(text, host, sizeof host, &six);
    if (!digits)
        return fail(fault, "HOST:PORT, with an IPv6 address in brackets",
                    "write it as in \"127.0.0.1:24600\" or \"[::1]:24600\"");
    port = parse_port(digits);
    if (port < 0 || (port == 0 && !any_port))
        return fail(fault, any_port ? "a port from 0 to 65535 (0: any free one)" : "a port from 1 to 65535",
                    "write the port as a decimal number, as in \"127.0.0.1:24600\"");
    return six ? parse_six(host, port, to, n, fault) : parse_four(host, port, to, n, fault);
}

static int format_four(const struct sockaddr_storage *from, char out[RN_TCP_TEXT]) {
    char host[INET_ADDRSTRLEN];
    struct sockaddr_in a;
    memcpy(&a, from, sizeof a);
    if (!inet_ntop(AF_INET, &a.sin_addr, host, sizeof host))
        return -1;
    (void)snprintf(out, RN_TCP_TEXT, RN_TCP_SCHEME "%s:%u", host, (unsigned)ntohs(a.sin_port));
    return 0;
}

static int format_six(const struct sockaddr_storage *from, char out[RN_TCP_TEXT]) {
    char host[INET6_ADDRSTRLEN];
    struct sockaddr_in6 a;
    memcpy(&a, from, sizeof a);
    if (!inet_ntop(AF_INET6, &a.sin6_addr, host, sizeof host))
        return -1;
    (void)snprintf(out, RN_TCP_TEXT, RN_TCP_SCHEME "[%s]:%u", host, (unsigned)ntohs(a.sin6_port));
    return 0;
}

int rn_tcp_format(const struct sockaddr_storage *from, char out[RN_TCP_TEXT]) {
    if (from->ss_family == AF_INET)
        return format_four(from, out);
    return from->ss_family == AF_INET6 ? format_six(from, out) : -1;
}
