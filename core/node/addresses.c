/* SPDX-License-Identifier: MIT
 * addresses.c — where a node can be reached, as its transports say.
 * May touch: the node's transports.
 */
#include "node/inner.h"
#include "node/node.h"

#include <runnel/transport.h>
#include <string.h>

/* Copies the whole lines that fit behind the `used` bytes at `out`; counts them. */
static unsigned copy_lines(const char *text, char *out, size_t size, size_t *used) {
    unsigned lines = 0;
    for (size_t n; *text != 0; text += n + (text[n] == '\n')) {
        n = strcspn(text, "\n");
        if (n + 2 > size - *used)
            break;
        memcpy(out + *used, text, n);
        *used += n;
        out[(*used)++] = '\n';
        out[*used] = 0;
        lines++;
    }
    return lines;
}

unsigned rn_node_addresses(const struct rn_node *n, char *out, size_t size) {
    unsigned lines = 0;
    size_t used = 0;
    out[0] = 0;
    for (size_t i = 0; i < n->n_members; i++) {
        const struct rn_member *m = &n->members[i];
        char text[4096];
        if (m->section->kind != RUNNEL_TRANSPORT || !m->started)
            continue;
        const struct runnel_transport *t = rn_inst_ops(m->inst);
        int k = t->addresses(rn_inst_self(m->inst), text, sizeof text);
        if (k > 0 && (size_t)k < sizeof text)
            lines += copy_lines(text, out, size, &used);
    }
    return lines;
}
