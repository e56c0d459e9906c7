// SPDX-License-Identifier: Apache-2.0

#include "CAllocations.h"

#include <features.h>

#ifdef __GLIBC__

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>

// A program's own malloc takes the place of the C library's in all of its libraries; these pass on to the library's.

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static atomic_bool counting;
static atomic_long count;
static atomic_size_t bytes;

static void tally(size_t size) {
    if (!atomic_load_explicit(&counting, memory_order_relaxed)) return;
    atomic_fetch_add(&count, 1);
    atomic_fetch_add(&bytes, size);
}

void *malloc(size_t size) {
    tally(size);
    return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
    tally(elements * size);
    return __libc_calloc(elements, size);
}

void *realloc(void *block, size_t size) {
    tally(size);
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size) {
    tally(size);
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    tally(size);
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **block, size_t alignment, size_t size) {
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    tally(size);
    void *found = __libc_memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *block = found;
    return 0;
}

void sotto_allocations_start(void) {
    atomic_store(&count, 0);
    atomic_store(&bytes, 0);
    atomic_store(&counting, 1);
}

struct sotto_allocations sotto_allocations_stop(void) {
    atomic_store(&counting, 0);
    return (struct sotto_allocations){.count = atomic_load(&count), .bytes = (long)atomic_load(&bytes)};
}

#else

void sotto_allocations_start(void) {}
struct sotto_allocations sotto_allocations_stop(void) { return (struct sotto_allocations){.count = -1, .bytes = -1}; }

#endif
