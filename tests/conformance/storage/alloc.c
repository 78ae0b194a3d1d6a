/* SPDX-License-Identifier: MIT
 * alloc.c — this program's own malloc and its kin, found before the C library's and the sanitizers'.
 * May touch: the heap. It has static state because these functions are given none.
 */
#include "tests/conformance/storage/alloc.h"
#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define EXPORT __attribute__((visibility("default")))

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

/* Where an allocation goes on to: with sanitizers to what they put in the C library's place. */
#ifdef SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
extern void *REAL(malloc)(size_t n);
extern void *REAL(calloc)(size_t n, size_t size);
extern void *REAL(realloc)(void *p, size_t n);
extern void *REAL(memalign)(size_t align, size_t n);

/* Shared with processes that a plugin forks; NULL: nothing has been watched yet. */
static struct state {
    const bool *inside; /* NULL: nothing is watched */
    pthread_t thread;
    unsigned long count, nth;
    bool onwards;
} * watch;

void alloc_watch(const bool *inside, unsigned long nth, bool onwards) {
    if (!watch) {
        void *p = mmap(NULL, sizeof *watch, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            abort();
        watch = p;
    }
    *watch = (struct state){.thread = pthread_self(), .nth = nth, .onwards = onwards, .inside = inside};
}

unsigned long alloc_unwatch(void) {
    watch->inside = NULL;
    return watch->count;
}

/* Whether the allocation at hand must fail. */
static bool fails(void) {
    if (!watch || !watch->inside || !*watch->inside || !pthread_equal(pthread_self(), watch->thread))
        return false;
    watch->count++;
    if (!watch->nth || watch->count < watch->nth || (watch->count > watch->nth && !watch->onwards))
        return false;
    errno = ENOMEM;
    return true;
}

bool alloc_refuse(void) {
    return fails();
}

EXPORT void *malloc(size_t n) {
    return fails() ? NULL : REAL(malloc)(n);
}

EXPORT void *calloc(size_t n, size_t size) {
    return fails() ? NULL : REAL(calloc)(n, size);
}

EXPORT void *realloc(void *p, size_t n) {
    return fails() ? NULL : REAL(realloc)(p, n);
}

EXPORT void *reallocarray(void *p, size_t n, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(n, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return fails() ? NULL : REAL(realloc)(p, bytes);
}

EXPORT void *memalign(size_t align, size_t n) {
    return fails() ? NULL : REAL(memalign)(align, n);
}

EXPORT void *aligned_alloc(size_t align, size_t n) {
    return fails() ? NULL : REAL(memalign)(align, n);
}

EXPORT int posix_memalign(void **p, size_t align, size_t n) {
    void *got = fails() ? NULL : REAL(memalign)(align, n);
    if (!got)
        return ENOMEM;
    *p = got;
    return 0;
}

/* The sanitizers' own would pass this malloc by. */
EXPORT char *strndup(const char *s, size_t most) {
    size_t n = strnlen(s, most);
    char *copy = malloc(n + 1);
    if (copy) {
        memcpy(copy, s, n);
        copy[n] = 0;
    }
    return copy;
}

EXPORT char *strdup(const char *s) {
    return strndup(s, strlen(s));
}
