/* SPDX-License-Identifier: MIT
 * address.h — "host:port" as tcp writes and reads it: numbers only, IPv6 in brackets.
 * May touch: nothing but its arguments (no resolver).
 */
#ifndef RN_TCP_ADDRESS_H
#define RN_TCP_ADDRESS_H

#include <sys/socket.h>

#define RN_TCP_SCHEME "tcp://"
#define RN_TCP_TEXT 80u /* room for "tcp://[...]:65535" and its terminator */

/* What is wrong with an address, and what to do about it. */
struct rn_tcp_fault {
    const char *want, *remedy;
};

/* Reads "127.0.0.1:24600", "[::1]:24600" or "localhost:24600" (which is 127.0.0.1: nothing is
 * resolved). Only loopback addresses are taken. `any_port`: port 0 is allowed. 0 and *to, *n; or -1
 * and *fault. */
int rn_tcp_parse(const char *text, int any_port, struct sockaddr_storage *to, socklen_t *n, struct rn_tcp_fault *fault);

/* Writes an IPv4 or IPv6 address as "tcp://host:port". 0, or -1 for another family. */
int rn_tcp_format(const struct sockaddr_storage *from, char out[RN_TCP_TEXT]);

#endif
