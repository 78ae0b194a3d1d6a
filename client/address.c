/* SPDX-License-Identifier: MIT
 * address.c — reads the addresses that a client may dial.
 * May touch: nothing but its arguments.
 */
#include "client/client.h"
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static int unix_address(const char *path, struct sockaddr_storage *sa, size_t *n, struct runnel_err *err) {
    struct sockaddr_un *un = (struct sockaddr_un *)sa;
    size_t len = strlen(path);
    if (path[0] != '/')
        return rn_fail(err, RUNNEL_EINVALID,
                       "unix://%s: the path must be absolute, as in unix:///run/runnel/runnel.sock", path);
    if (len >= sizeof un->sun_path)
        return rn_fail(err, RUNNEL_EINVALID, "unix://%s: the path has %zu bytes, the system allows %zu", path, len,
                       sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, len + 1);
    *n = offsetof(struct sockaddr_un, sun_path) + len + 1;
    return 0;
}

/* 1 to 65535, or 0 for anything else. */
static unsigned port_of(const char *s) {
    unsigned v = 0;
    if (*s == 0)
        return 0;
    for (; *s; s++) {
        if (*s < '0' || *s > '9')
            return 0;
        v = v * 10 + (unsigned)(*s - '0');
        if (v > 65535)
            return 0;
    }
    return v;
}

static int ip_address(const char *host, uint16_t port, int six, struct sockaddr_storage *sa, size_t *n) {
    if (six) {
        struct sockaddr_in6 *in = (struct sockaddr_in6 *)sa;
        in->sin6_family = AF_INET6;
        in->sin6_port = htons(port);
        *n = sizeof *in;
        return inet_pton(AF_INET6, host, &in->sin6_addr) == 1 && IN6_IS_ADDR_LOOPBACK(&in->sin6_addr);
    }
    struct sockaddr_in *in = (struct sockaddr_in *)sa;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    *n = sizeof *in;
    return inet_pton(AF_INET, host, &in->sin_addr) == 1 && ntohl(in->sin_addr.s_addr) >> 24 == 127;
}

static int tcp_address(const char *rest, struct sockaddr_storage *sa, size_t *n, struct runnel_err *err) {
    char host[INET6_ADDRSTRLEN];
    const char *colon = strrchr(rest, ':');
    unsigned port = colon ? port_of(colon + 1) : 0;
    if (port == 0)
        return rn_fail(err, RUNNEL_EINVALID, "tcp://%s: want a port behind the host, as in tcp://127.0.0.1:24600",
                       rest);
    size_t len = (size_t)(colon - rest);
    int six = len > 2 && rest[0] == '[' && rest[len - 1] == ']';
    if (six) {
        rest++;
        len -= 2;
    }
    if (len >= sizeof host)
        return rn_fail(err, RUNNEL_EINVALID, "tcp: the host is longer than an IP address");
    memcpy(host, rest, len);
    host[len] = 0;
    if (!ip_address(host, (uint16_t)port, six, sa, n))
        return rn_fail(err, RUNNEL_EINVALID,
                       "tcp: %s is not an address of this machine: sessions over tcp are not sealed yet and stay on "
                       "127.0.0.0/8 or [::1]",
                       host);
    return 0;
}

int rn_address_parse(const char *address, struct sockaddr_storage *sa, size_t *n, struct runnel_err *err) {
    memset(sa, 0, sizeof *sa);
    if (strncmp(address, "unix://", 7) == 0)
        return unix_address(address + 7, sa, n, err);
    if (strncmp(address, "tcp://", 6) == 0)
        return tcp_address(address + 6, sa, n, err);
    return rn_fail(err, RUNNEL_EINVALID, "%s is no address: want unix:///PATH or tcp://127.0.0.1:PORT", address);
}
