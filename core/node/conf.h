/* SPDX-License-Identifier: MIT
 * conf.h — the configuration: JSON with comments from several texts, checked whole, every error told.
 * May touch: the heap and the registry; the files are read by the daemon.
 */
#ifndef RN_NODE_CONF_H
#define RN_NODE_CONF_H

#include "base/buf.h"
#include "base/json.h"
#include "data/descriptor.h"
#include "node/registry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RN_CONF_SIZE 1048576u /* bytes of one file */
#define RN_CONF_ERRORS 100u   /* errors kept; the rest are counted */

/* One section: an instance to be. Owned by the conf. */
struct rn_section {
    struct rn_list link;
    uint32_t kind;
    const char *name; /* [a-z][a-z0-9_-]{0,31} */
    const struct runnel_plugin *plugin;
    void *conf;       /* filled for the plugin, plugin->conf_size bytes */
    const char *file; /* NULL: no text says it (the sync section by default) */
    unsigned line;
    uint8_t print[32]; /* fingerprint of the section's content, to tell what a reload changed */
};

/* One rule of "streams"; the first that matches a stream wins. NULL or absent parts match all. */
struct rn_stream_rule {
    struct rn_list link;
    int has_id, has_author;
    struct runnel_id id;
    struct rn_key author;
    const char *source, *stream, *target; /* exact, or ending in '*' as a prefix; need "author" */
    const struct rn_section *sync;
};

struct rn_conf {
    const char *data;                 /* node.data: where the daemon keeps everything */
    const char *identity;             /* node.identity: the key file; default DATA/identity */
    const char *log;                  /* node.log: a spec for rn_log_spec; default "info" */
    const char *name;                 /* node.name: a free text for status; may be NULL */
    uint64_t unsent;                  /* node.unsent: bytes that may wait for one reader */
    int64_t stop_timeout;             /* node.stop_timeout: ns that a stop may take for those who are served */
    const struct rn_section *storage; /* node.storage; may be left out when there is but one */
    const struct rn_section *sync;    /* the sync section "default", or the first; never NULL after rn_conf_check */
    struct rn_list sections;          /* in order of the texts */
    struct rn_list streams;           /* of struct rn_stream_rule */
    struct rn_conf_texts *texts;      /* private: conftexts.h */
};

/* An empty conf to be filled. NULL: out of memory. */
struct rn_conf *rn_conf_new(void);
void rn_conf_free(struct rn_conf *c);

/* Adds one file's text (copied). A text that is no JSON is an error that is remembered, with line.
 * 0, or a negative code when remembering fails. */
int rn_conf_add(struct rn_conf *c, const char *file, const void *text, size_t n);
/* Merges and checks all that was added: unknown and misspelt words (with "did you mean"), types,
 * ranges, required options, the plugins' own checks, the same instance twice (both places named),
 * references. A config without sync section gets `incremental` by default. Returns 0 when there is
 * no error at all, else -RUNNEL_EINVALID. */
int rn_conf_check(struct rn_conf *c, struct rn_registry *r);
/* Every error, one a line, in order of the texts: "FILE:LINE: path: found ..., want ...; remedy". */
const char *rn_conf_errors(struct rn_conf *c);

/* The sync section for a stream; `d` may be NULL while its descriptor is unknown (then only rules by
 * id are looked at). */
const struct rn_section *rn_conf_sync_for(const struct rn_conf *c, const struct runnel_id *id,
                                          const struct rn_descriptor *d);

/* Whether two sections give their plugin the same: the plugin, and every option. */
int rn_section_same(const struct rn_section *a, const struct rn_section *b);
/* Whether the rules of "streams" say the same. */
int rn_conf_same_rules(const struct rn_conf *a, const struct rn_conf *b);
/* The section of a kind and name; NULL: there is none. */
struct rn_section *rn_section_find(const struct rn_conf *c, uint32_t kind, const char *name);

/* Fills a plugin's conf from defaults and an object of options (NULL: defaults only) and asks the
 * plugin's own check, for callers without files (tests, the simulator). Free with rn_conf_fill_free. 0 or a negative
 * code and the first error. */
int rn_conf_fill(const struct runnel_plugin *plugin, const struct rn_json *options, void **out, struct runnel_err *err);
void rn_conf_fill_free(void *conf);

#ifdef __cplusplus
}
#endif
#endif
