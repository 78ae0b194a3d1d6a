/* SPDX-License-Identifier: MIT
 * sweep.c — runs cases in a child until one ends it, then goes on behind that one in another child.
 * May touch: fork, pipes and temporary files, the leak checker when it is there.
 */
#include "tests/conformance/storage/sweep.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SHOWN 8u    /* failures that are printed */
#define ENOUGH 200u /* failures after which it is not worth to go on */

/* Of the sanitizers; absent in a plain build. */
extern int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* What parent and child both see. */
struct progress {
    unsigned long at, ran;
    bool through; /* there are no more cases */
    bool leaked;
};

struct running {
    const struct sweep *sweep;
    struct progress *progress;
};

void *sweep_shared(size_t n) {
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

void sweep_unshare(void *p, size_t n) {
    assert_int_equal(munmap(p, n), 0);
}

/* ---- in the child ---- */

/* A test within a test: so cmocka's assertions end the case and nothing more. */
static void all_cases(void **state) {
    const struct running *r = *state;
    for (;; r->progress->at += r->sweep->step) {
        (void)alarm(r->sweep->seconds);
        if (!r->sweep->run(r->sweep->arg, r->progress->at))
            break;
        r->progress->ran++;
    }
    r->progress->through = true;
}

static _Noreturn void child(struct running *r, int says) {
    struct CMUnitTest test = {.name = r->sweep->name, .test_func = all_cases, .initial_state = r};
    if (dup2(says, STDOUT_FILENO) < 0 || dup2(says, STDERR_FILENO) < 0)
        _exit(3);
    cmocka_set_test_filter(NULL); /* --only is not about this */
    int failed = _cmocka_run_group_tests(r->sweep->name, &test, 1, NULL, NULL);
    (void)alarm(60);
    if (failed == 0 && __lsan_do_recoverable_leak_check && __lsan_do_recoverable_leak_check() != 0)
        r->progress->leaked = true;
    (void)fflush(NULL);
    _exit(failed == 0 && !r->progress->leaked ? 0 : 1);
}

/* ---- in the parent ---- */

static void explain(char *out, size_t n, const struct running *r, int status) {
    if (r->progress->leaked)
        (void)snprintf(out, n, "memory was leaked by a case up to this one");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        (void)snprintf(out, n, "not through after %u s", r->sweep->seconds);
    else if (WIFSIGNALED(status))
        (void)snprintf(out, n, "ended by the signal %s", strsignal(WTERMSIG(status)));
    else
        (void)snprintf(out, n, "failed");
}

static void show(const struct running *r, FILE *said, int status) {
    char why[128], line[512];
    explain(why, sizeof why, r, status);
    print_message("# %s: case %lu: %s\n", r->sweep->name, r->progress->at, why);
    rewind(said);
    for (unsigned k = 0; k < 40 && fgets(line, sizeof line, said); k++) {
        line[strcspn(line, "\n")] = 0;
        print_message("#     %s\n", line);
    }
}

/* Runs a child from `at` on: its wait status. */
static int run_child(struct running *r, FILE *said) {
    int status;
    (void)fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(r, fileno(said));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

unsigned sweep_run(const struct sweep *s, unsigned long *ran) {
    struct running r = {s, sweep_shared(sizeof *r.progress)};
    unsigned failed = 0;
    r.progress->at = s->first;
    while (!r.progress->through && failed < ENOUGH) {
        FILE *said = tmpfile();
        assert_non_null(said);
        int status = run_child(&r, said);
        if (status != 0) {
            if (failed < SHOWN)
                show(&r, said, status);
            (void)fflush(NULL);
            failed++;
            r.progress->ran += !r.progress->leaked;
            r.progress->leaked = false;
            r.progress->at += s->step;
        }
        assert_int_equal(fclose(said), 0);
    }
    if (ran)
        *ran = r.progress->ran;
    sweep_unshare(r.progress, sizeof *r.progress);
    return failed;
}

unsigned long sweep_expect(const struct sweep *s) {
    unsigned long ran = 0;
    unsigned failed = sweep_run(s, &ran);
    if (failed)
        fail_msg("%s: %u of %lu cases failed", s->name, failed, ran);
    return ran;
}
