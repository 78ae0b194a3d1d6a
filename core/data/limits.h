/* SPDX-License-Identifier: MIT
 * limits.h — every limit of the data and of the protocol, in one table.
 * May touch: nothing. doc/protocol.md repeats the table; a test compares the two.
 */
#ifndef RN_DATA_LIMITS_H
#define RN_DATA_LIMITS_H

/* X(NAME, value, "what it bounds"): becomes enum constant RN_MAX_NAME. */
#define RN_LIMITS(X)                                                                                                   \
    X(DESCRIPTOR, 4096, "bytes of a canonical descriptor")                                                             \
    X(NAME, 128, "bytes of source, stream or target")                                                                  \
    X(VALUE, 16384, "bytes of a value")                                                                                \
    X(VALUE_DEPTH, 32, "arrays and objects one in another within a value")                                             \
    X(BLOCK, 256, "observations in a block")                                                                           \
    X(ATTESTED, 65536, "heads under one signature")                                                                    \
    X(FRAME, 65536, "bytes of a frame behind its length")                                                              \
    X(HASHES, 1024, "hashes in one answer to nodes")                                                                   \
    X(JSON_DEPTH, 32, "nesting of a request or answer")                                                                \
    X(JSON_VALUES, 4096, "values in a request or answer")                                                              \
    X(FOLLOWS, 4096, "open follows of a session")                                                                      \
    X(REQUESTS, 8192, "unanswered requests of a session before its reading pauses")                                    \
    X(CREDIT, 16777216, "bytes of credit that a follow may hold")                                                      \
    X(UNVERIFIED, 16777216, "bytes of a provider that wait for their head or for the disk")                            \
    X(UNREAD, 524288, "bytes of answers and questions kept unsent in a session before its reading pauses")             \
    X(QUEUED, 8388608, "bytes of answers and questions kept unsent in a session before it is closed")                  \
    X(PUBLISHES, 6291456, "bytes of a session's publishes not yet durable before its reading pauses")                  \
    X(SESSIONS, 16384, "sessions of a node")                                                                           \
    X(STREAMS, 1048576, "streams of a node")                                                                           \
    X(HELLO_SECONDS, 10, "seconds until the hello must have come")                                                     \
    X(SILENCE_MS, 3000, "ms without a byte after which a session is lost")                                             \
    X(PING_MS, 1000, "ms without a byte after which a ping is sent")                                                   \
    X(AHEAD_SECONDS, 600, "seconds that a published time may be ahead of the wall clock")

#define RN_LIMIT_ENUM(name, value, what) RN_MAX_##name = (value),
enum rn_limit { RN_LIMITS(RN_LIMIT_ENUM) };
#undef RN_LIMIT_ENUM

#endif
