/* SPDX-License-Identifier: MIT
 * main.c — runneld's command line.
 * May touch: the process.
 */
#include "config.h"

#include "base/err.h"
#include "daemon/exits.h"
#include "daemon/files.h"
#include "daemon/info.h"
#include "daemon/loader.h"
#include "daemon/run.h"
#include "daemon/sink.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
    "Usage: runneld [-c FILE] [-v LEVELS] [-t]\n"
    "       runneld --plugin-info NAME|FILE [--json]\n"
    "       runneld --plugins [--json]\n"
    "\n"
    "  -c, --config FILE         the config, with conf.d/*.conf beside it\n"
    "                            (default " CONFDIR "/runneld.conf)\n"
    "  -t, --test                check the config, say all that is wrong, and end\n"
    "  -v, --log LEVELS          log levels, such as \"info,session=debug\", instead of the config's\n"
    "      --plugin-info WHAT    tell about a plugin: NAME, KIND/NAME or a file\n"
    "      --plugins             list the plugins that can be found\n"
    "      --json                tell it as JSON\n"
    "  -V, --version             print the version, and end\n"
    "  -h, --help                print this, and end\n"
    "\n"
    "Exit: 0 all is well, 1 the config or a plugin's name is wrong, 2 the command line is wrong,\n"
    "3 it cannot start, 4 it failed while it ran. See runneld(8), runneld.conf(5).\n";

enum { OPT_INFO = 256, OPT_PLUGINS, OPT_JSON };

struct command {
    const char *config, *log, *info;
    int test, plugins, json;
};

static int print(const char *text) {
    return fputs(text, stdout) >= 0 && fflush(stdout) == 0 ? RN_EXIT_OK : RN_EXIT_FAILED;
}

static int complain(const char *what) {
    (void)fprintf(stderr, "runneld: %s\nTry \"runneld --help\".\n", what);
    return RN_EXIT_USAGE;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv, struct command *c) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"test", no_argument, NULL, 't'},
                                            {"log", required_argument, NULL, 'v'},
                                            {"plugin-info", required_argument, NULL, OPT_INFO},
                                            {"plugins", no_argument, NULL, OPT_PLUGINS},
                                            {"json", no_argument, NULL, OPT_JSON},
                                            {"version", no_argument, NULL, 'V'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    *c = (struct command){.config = CONFDIR "/runneld.conf"};
    for (int o; (o = getopt_long(argc, argv, "c:tv:Vh", options, NULL)) != -1;) {
        switch (o) {
        case 'c':
            c->config = optarg;
            break;
        case 't':
            c->test = 1;
            break;
        case 'v':
            c->log = optarg;
            break;
        case OPT_INFO:
            c->info = optarg;
            break;
        case OPT_PLUGINS:
            c->plugins = 1;
            break;
        case OPT_JSON:
            c->json = 1;
            break;
        case 'V':
            return print("runneld " PACKAGE_VERSION "\n");
        case 'h':
            return print(usage);
        default: /* getopt has said what is wrong */
            return complain("the command line cannot be understood");
        }
    }
    if (optind < argc)
        return complain("there is a word too many on the command line");
    if (c->json && c->info == NULL && !c->plugins)
        return complain("--json goes with --plugin-info or --plugins");
    if ((c->info != NULL) + c->plugins + c->test > 1)
        return complain("--test, --plugins and --plugin-info exclude one another");
    return -1;
}

/* The levels of the config, or of the command line. */
static int set_log(struct rn_log *log, const struct command *c, const struct rn_conf *conf) {
    struct runnel_err err = {0};
    const char *spec = c->log != NULL ? c->log : conf->log;
    if (rn_log_spec(log, spec, &err) == 0)
        return 0;
    (void)fprintf(stderr, "runneld: -v: %s\n", err.msg);
    return -1;
}

static int with_config(const struct command *c, struct rn_conf **checked, struct rn_registry *r) {
    struct rn_conf *conf = *checked;
    struct runnel_err err = {0};
    struct rn_sink sink;
    struct rn_log log;
    if (rn_files_add(conf, c->config, &err) != 0) {
        (void)fprintf(stderr, "%s\n", err.msg);
        return RN_EXIT_CONFIG;
    }
    if (rn_conf_check(conf, r) != 0) {
        (void)fputs(rn_conf_errors(conf), stderr);
        return RN_EXIT_CONFIG;
    }
    rn_sink_init(&sink);
    rn_log_init(&log, RUNNEL_INFO, rn_sink_line, &sink);
    if (set_log(&log, c, conf) != 0)
        return RN_EXIT_USAGE;
    if (!c->test)
        return (int)rn_run(
            &(struct rn_run_conf){.file = c->config, .conf = checked, .registry = r, .log = &log, .levels = c->log});
    (void)printf("%s: ok\n", c->config);
    return print("");
}

static int configured(const struct command *c, struct rn_registry *r) {
    struct rn_conf *conf = rn_conf_new();
    if (conf == NULL) {
        (void)fputs("runneld: no memory\n", stderr);
        return RN_EXIT_START;
    }
    int code = with_config(c, &conf, r);
    rn_conf_free(conf);
    return code;
}

static int run(const struct command *c, struct rn_registry *r) {
    struct runnel_err err = {0};
    if (c->info == NULL && !c->plugins)
        return configured(c, r);
    int rc = c->plugins ? rn_info_list(r, c->json, &err) : rn_info_plugin(r, c->info, c->json, &err);
    if (rc == 0)
        return RN_EXIT_OK;
    (void)fprintf(stderr, "runneld: %s\n", err.msg);
    return RN_EXIT_CONFIG;
}

int main(int argc, char **argv) {
    struct command c;
    struct rn_registry registry;
    struct rn_loader loader;
    int code = parse(argc, argv, &c);
    if (code >= 0)
        return code;
    if (sodium_init() < 0) {
        (void)fputs("runneld: libsodium cannot be initialised\n", stderr);
        return RN_EXIT_START;
    }
    rn_registry_init(&registry);
    rn_loader_init(&loader);
    rn_loader_serve(&loader, &registry);
    code = run(&c, &registry);
    rn_registry_free(&registry);
    return code;
}
