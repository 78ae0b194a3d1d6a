/* SPDX-License-Identifier: MIT
 * reread.c — reads and checks the config of a daemon that runs.
 * May touch: the config's files.
 */
#include "daemon/reread.h"

#include "daemon/files.h"

int rn_reread(const char *file, struct rn_registry *r, struct rn_conf **out, struct rn_buf *told) {
    struct runnel_err err = {0};
    struct rn_conf *conf = rn_conf_new();
    int rc;
    *out = NULL;
    if (conf == NULL) {
        (void)rn_buf_str(told, "out of memory\n");
        return -RUNNEL_ENOMEM;
    }
    if ((rc = rn_files_add(conf, file, &err)) != 0)
        (void)rn_buf_fmt(told, "%s\n", err.msg);
    else if ((rc = rn_conf_check(conf, r)) != 0)
        (void)rn_buf_str(told, rn_conf_errors(conf));
    if (rc == 0)
        *out = conf;
    else
        rn_conf_free(conf);
    return rc;
}
