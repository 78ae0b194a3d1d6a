/* SPDX-License-Identifier: MIT
 * tool.h — what the commands of the tool share.
 * May touch: librunnel, libevent, standard input and output, the terminal.
 */
#ifndef RN_TOOL_TOOL_H
#define RN_TOOL_TOOL_H

#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include <event2/event.h>
#include <runnel/client.h>

/* Exit codes; doc/man/runnel.1 has the same table. */
enum rn_exit {
    RN_EXIT_OK = 0,
    RN_EXIT_ERROR = 1,   /* the node or this program refused */
    RN_EXIT_USAGE = 2,   /* the command line makes no sense */
    RN_EXIT_NODE = 3,    /* no node reachable, or the session with it was lost */
    RN_EXIT_STREAM = 4,  /* the stream is unknown, or several are meant */
    RN_EXIT_DAMAGED = 5, /* verify, fsck, backup or restore found damage */
};

struct rn_tool;
struct rn_progress;

struct rn_tool_option {
    const char *name; /* without the dashes */
    const char *arg;  /* what its argument is; NULL: it takes none */
    const char *help;
};

#define RN_TOOL_OPTIONS 10u

struct rn_command {
    const char *name;
    const char *synopsis; /* the words behind the name, options left out */
    const char *summary;  /* one line */
    const char *help;     /* paragraphs */
    int least, most;      /* how many words; most -1: any number */
    int (*run)(struct rn_tool *t);
    struct rn_tool_option options[RN_TOOL_OPTIONS]; /* ends with a NULL name */
};

extern const struct rn_command rn_commands[]; /* ends with a NULL name */
extern const struct rn_tool_option rn_general_options[];

struct rn_tool {
    const struct rn_command *command;
    const char *values[RN_TOOL_OPTIONS]; /* of the command's options; "" for one without argument */
    int n_words;
    const char **words;
    const char *address;
    int json, verbose, help, version;
    /* output */
    struct rn_buf out;
    int out_errno; /* of the write that failed; 0: none */
    /* the session */
    struct event_base *base;
    struct runnel_client *client;
    int connected, lost;          /* there was a session; there will be none any more */
    int away;                     /* there is none now, and that was said */
    struct rn_progress *progress; /* the bar that makes way for what is said meanwhile; may be NULL */
    struct runnel_err why;
};

/* ---- args.c ---- */
int rn_args_parse(struct rn_tool *t, int argc, char **argv); /* 0, or an exit code */
/* The value of an option of the command; NULL when it was not given. */
const char *rn_arg(const struct rn_tool *t, const char *name);
int rn_usage(const struct rn_tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Read an option's value. RN_EXIT_OK or RN_EXIT_USAGE after saying why; untouched when not given. */
int rn_arg_u64(const struct rn_tool *t, const char *name, uint64_t least, uint64_t most, uint64_t *out);
int rn_arg_time(const struct rn_tool *t, const char *name, int64_t *out);
/* A point in a stream: "#12" is a seq, everything else a time. */
struct rn_point {
    int given, is_seq;
    uint64_t seq;
    int64_t time;
};
int rn_arg_point(const struct rn_tool *t, const char *name, struct rn_point *out);
int64_t rn_wall(void);

/* ---- help.c ---- */
int rn_help(struct rn_tool *t);
int rn_help_command(struct rn_tool *t, const struct rn_command *c);
const struct rn_command *rn_command_find(const char *name);
const char *rn_nearest(const char *word, const char *const *words, size_t n); /* NULL: none is near */
int rn_unknown_command(const struct rn_tool *t, const char *name);

/* ---- output.c ---- */
void rn_out(struct rn_tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rn_out_bytes(struct rn_tool *t, const void *p, size_t n);
void rn_out_clean(struct rn_tool *t, const char *text); /* as rn_text_clean makes it fit for a terminal */
int rn_out_flush(struct rn_tool *t);                    /* 0, or -1 when nothing can be written any more */
/* Says an error on standard error, as a sentence or with --json as an object. Returns the exit code. */
int rn_tool_fail(const struct rn_tool *t, int exit, const struct runnel_err *err);
int rn_tool_failf(const struct rn_tool *t, int exit, int code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void rn_note(const struct rn_tool *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- text.c ---- */
size_t rn_text_width(const char *s, size_t n);                  /* columns on a terminal */
void rn_text_clean(struct rn_buf *b, const void *p, size_t n);  /* control characters become '?' */
void rn_human_bytes(struct rn_buf *b, uint64_t n);              /* "1.4 MiB" */
void rn_human_count(struct rn_buf *b, uint64_t n);              /* "1,234,567" */
void rn_human_span(struct rn_buf *b, int64_t ns);               /* "3 h 12 min" */
void rn_csv_field(struct rn_buf *b, struct runnel_bytes field); /* quoted when it must be */
void rn_json_observation(struct rn_buf *b, const struct runnel_observation *o);

/* ---- table.c: columns that line up ---- */
#define RN_TABLE_COLUMNS 10u
struct rn_table {
    size_t n_columns, n_cells;
    const char *const *names; /* "name" or ">name" for one that is set right */
    size_t width[RN_TABLE_COLUMNS];
    struct rn_buf cells; /* each ends with a NUL */
    int begun;
};
void rn_table_init(struct rn_table *x, const char *const *names, size_t n);
void rn_table_cell(struct rn_table *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void rn_table_flush(struct rn_table *x, struct rn_tool *t); /* prints the rows gathered so far */
void rn_table_free(struct rn_table *x);

/* ---- progress.c: a bar on a terminal ---- */
struct rn_progress {
    const struct rn_tool *tool;
    const char *what;
    int on, drawn;
    uint64_t total, done;
    int64_t begun, last;
};
void rn_progress_begin(struct rn_progress *p, const struct rn_tool *t, const char *what, uint64_t total);
void rn_progress_set(struct rn_progress *p, uint64_t done);
void rn_progress_hide(struct rn_progress *p); /* a line of text can be written; it comes again by itself */
void rn_progress_end(struct rn_progress *p);

/* ---- node.c: the session, one question at a time ---- */
int rn_node_connect(struct rn_tool *t); /* 0, or an exit code after saying why */
void rn_node_leave(struct rn_tool *t);
/* Ends the session and tries once to open another. 0 or a negative code, without a word. */
int rn_node_again(struct rn_tool *t, struct runnel_err *err);
void rn_node_wait(struct rn_tool *t, const int *done);
/* Asks and waits. 0 and the answer's text and tree, or a negative code and err. */
struct rn_answer {
    struct rn_buf text;
    struct rn_json *tree;
};
int rn_node_ask(struct rn_tool *t, const char *method, const char *json, struct rn_answer *a, struct runnel_err *err);
void rn_answer_free(struct rn_answer *a);
int rn_exit_of(const struct runnel_err *err);
/* {"stream": TEXT} in `b`; NULL when out of memory. */
const char *rn_node_stream_json(struct rn_buf *b, const char *stream);

/* ---- answer.c: a question of a command, its failure said, and what stands in the answer ---- */
/* Asks and waits. 0 with *a to be freed, or an exit code after saying why. */
int rn_ask(struct rn_tool *t, const char *method, const char *params, struct rn_answer *a);
/* The same of one stream, with {"stream": TEXT}; RN_EXIT_STREAM when the node does not know it. */
int rn_ask_stream(struct rn_tool *t, const char *method, const char *stream, struct rn_answer *a);
void rn_out_answer(struct rn_tool *t, const struct rn_answer *a); /* the answer as it came: what --json writes */
/* A member of an object; what is absent or of another type is "", 0 or false. */
const char *rn_text_of(const struct rn_json *o, const char *key);
uint64_t rn_number_of(const struct rn_json *o, const char *key);
int rn_truth_of(const struct rn_json *o, const char *key);

/* ---- resolve.c: from what people type to a stream ---- */
struct rn_stream {
    char id[RUNNEL_ID_TEXT];
    struct runnel_id raw;
    char name[400]; /* source/stream or source/stream/target */
    char author[65];
    char unit[64];
    uint64_t count;
    int has_last;
    int64_t last;
};
/* Reads a stream object of the node. 0 or a negative code. */
int rn_stream_read(const struct rn_json *o, struct rn_stream *out, struct runnel_err *err);
/* Finds the one stream that is meant. 0, or an exit code after saying why. */
int rn_resolve(struct rn_tool *t, const char *text, struct rn_stream *out);
/* Whether the text names a stream fully, so that it needs not be known here: an id or AUTHOR/.... */
int rn_is_full_name(const char *text);
/* Calls `each` for all streams of the node. 0, or what `each` returned if not 0, or an exit code. */
int rn_each_stream(struct rn_tool *t, int (*each)(void *arg, const struct rn_json *o), void (*page)(void *arg),
                   void *arg);

/* ---- csv.c: RFC 4180 ---- */
struct rn_csv {
    void *file;       /* FILE */
    size_t line;      /* of the record at hand */
    size_t next_line; /* where the next one begins */
    struct rn_buf text;
    size_t n_fields, cap;
    size_t *ends; /* offsets in text at which the fields end; each is followed by a NUL */
    int begun;
};
void rn_csv_init(struct rn_csv *c, void *file);
/* Reads a record: 1, 0 at the end, or a negative code. After -RUNNEL_EINVALID the line was malformed and the
 * next record can be read; after others (-RUNNEL_EDAMAGED: a quote that is never closed, -RUNNEL_ETOOBIG,
 * -RUNNEL_EIO, -RUNNEL_ENOMEM) nothing more can. */
int rn_csv_next(struct rn_csv *c, struct runnel_err *err);
const char *rn_csv_field_at(const struct rn_csv *c, size_t i, size_t *n);
void rn_csv_free(struct rn_csv *c);

/* ---- write.c ---- */
int rn_write_all(int fd, const void *p, size_t n); /* 0, or -1 and errno */

/* ---- spool.c ---- */
/* Reads `fd` to its end into a temporary file without a name, *out (FILE). `name` is for messages. 0 or an
 * exit code after saying why. */
int rn_spool(struct rn_tool *t, int fd, const char *name, void **out);

/* ---- range.c: --from, --until and --last of a command, made a follow's options ---- */
struct rn_range {
    struct rn_point from, until;
    uint64_t last; /* 0: not given */
};
int rn_range_read(struct rn_tool *t, struct rn_range *x); /* 0 or an exit code */
int rn_range_apply(struct rn_tool *t, const struct rn_range *x, const struct rn_stream *s,
                   struct runnel_follow_options *o);
/* How many observations are before a time. 0 or an exit code after saying why. */
int rn_count_before(struct rn_tool *t, const struct rn_stream *s, int64_t time, uint64_t *count);

/* ---- print.c: observations as csv, ndjson or a table ---- */
enum rn_format { RN_TABLE, RN_CSV, RN_NDJSON };
int rn_format_arg(const struct rn_tool *t, enum rn_format *out);
struct rn_printer {
    struct rn_tool *tool;
    enum rn_format format;
    size_t seq_width, time_width;
};
void rn_print_begin(struct rn_printer *p, const struct rn_stream *s);
void rn_print(struct rn_printer *p, const struct runnel_observation *o, size_t n);

/* ---- braille.c: a small plot in text ---- */
struct rn_plot; /* opaque */
struct rn_plot *rn_plot_new(unsigned width, unsigned height, int ascii, int64_t from, int64_t to);
void rn_plot_add(struct rn_plot *p, int64_t time, double v);
void rn_plot_draw(const struct rn_plot *p, struct rn_buf *out);
void rn_plot_free(struct rn_plot *p);

/* ---- the commands ---- */
int rn_cmd_status(struct rn_tool *t);
int rn_cmd_create(struct rn_tool *t);
int rn_cmd_streams(struct rn_tool *t);
int rn_cmd_publish(struct rn_tool *t);
int rn_cmd_import(struct rn_tool *t);
int rn_cmd_history(struct rn_tool *t);
int rn_cmd_plot(struct rn_tool *t);
int rn_cmd_at(struct rn_tool *t);
int rn_cmd_follow(struct rn_tool *t);
int rn_cmd_subscribe(struct rn_tool *t);
int rn_cmd_unsubscribe(struct rn_tool *t);
int rn_cmd_backup(struct rn_tool *t);
int rn_cmd_restore(struct rn_tool *t);
int rn_cmd_drop(struct rn_tool *t);
int rn_cmd_head(struct rn_tool *t);
int rn_cmd_verify(struct rn_tool *t);
int rn_cmd_fsck(struct rn_tool *t);
int rn_cmd_identity(struct rn_tool *t);
int rn_cmd_reload(struct rn_tool *t);
int rn_cmd_peers(struct rn_tool *t);
int rn_cmd_plugins(struct rn_tool *t);
int rn_cmd_help(struct rn_tool *t);

#endif
