// SPDX-License-Identifier: Apache-2.0

// Put before a process by LD_PRELOAD, this stands between it and the calls by which it leaves a trace: on disk, or at the
// other end of a connection. It counts them and ends the process at one of them.
//
//   SOTTO_CRASH_AT=N          the call at which something happens, from 1
//   SOTTO_CRASH_WHEN=before   SIGKILL instead of the call
//                    after    the call, then SIGKILL
//                    torn     half of what the call was to write or send, then SIGKILL; any other call is not made
//                    full     from this call on, calls that need room on the disk fail with ENOSPC
//   SOTTO_CRASH_FOR=K         with `full`: after so many failures there is room again; without it, there never is
//   SOTTO_CRASH_LOG=FILE      one line for each call: its number, its name, the file or "socket"
//   SOTTO_SENT_LOG=FILE       what the network took, as length (four bytes, big-endian) and bytes for each call
//   SOTTO_CLOCK_OFFSET_FILE=FILE  a signed number of seconds (eight bytes, this machine's order) that is added to the wall
//                             clock; it may change at any time, in place
//
// Only calls on files, folders and IP sockets count, and none on standard input, output and error.

#define _GNU_SOURCE

#include "CCrashPoints.h"

#include <features.h>

#ifdef __GLIBC__

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum moment { NEVER, BEFORE, AFTER, TORN, FULL };

static atomic_bool active;
static atomic_long calls;
static atomic_long failures;
static long crash_at;
static long crash_for = LONG_MAX;
static enum moment moment = NEVER;
static int call_log = -1;
static int sent_log = -1;
static const volatile int64_t *clock_offset;

/// The C library's own function, looked up once.
#define NEXT(name)                                                                       \
    static _Atomic(__typeof__(&name)) found;                                             \
    __typeof__(&name) next = atomic_load_explicit(&found, memory_order_acquire);         \
    if (next == NULL) {                                                                  \
        next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                               \
        if (next == NULL) abort();                                                       \
        atomic_store_explicit(&found, next, memory_order_release);                       \
    }

static int opened_log(const char *variable) {
    const char *path = getenv(variable);
    if (path == NULL) return -1;
    int file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (file < 0) abort();
    return file;
}

__attribute__((constructor)) static void begin(void) {
    const char *at = getenv("SOTTO_CRASH_AT");
    const char *when = getenv("SOTTO_CRASH_WHEN");
    const char *count = getenv("SOTTO_CRASH_FOR");
    const char *offset = getenv("SOTTO_CLOCK_OFFSET_FILE");
    if (at != NULL && when != NULL) {
        crash_at = atol(at);
        moment = strcmp(when, "before") == 0 ? BEFORE
            : strcmp(when, "after") == 0     ? AFTER
            : strcmp(when, "torn") == 0      ? TORN
            : strcmp(when, "full") == 0      ? FULL
                                             : NEVER;
        // A test that asks for something else than it thinks must not pass.
        if (moment == NEVER || crash_at < 1) abort();
    }
    if (count != NULL) crash_for = atol(count);
    call_log = opened_log("SOTTO_CRASH_LOG");
    sent_log = opened_log("SOTTO_SENT_LOG");
    if (offset != NULL) {
        int file = (int)syscall(SYS_openat, AT_FDCWD, offset, O_RDONLY | O_CLOEXEC);
        if (file < 0) abort();
        void *page = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
        if (page == MAP_FAILED) abort();
        clock_offset = page;
    }
    atomic_store(&active, moment != NEVER || call_log >= 0 || sent_log >= 0);
}

_Noreturn static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

enum kind { UNCOUNTED, ON_DISK, ON_NETWORK };

/// What a descriptor is; calls on anything else than files, folders and IP sockets are not counted.
static enum kind kind_of(int descriptor) {
    if (!atomic_load_explicit(&active, memory_order_relaxed) || descriptor <= STDERR_FILENO) return UNCOUNTED;
    int before = errno;
    struct stat status;
    enum kind kind = UNCOUNTED;
    if (fstat(descriptor, &status) == 0) {
        if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode)) kind = ON_DISK;
        if (S_ISSOCK(status.st_mode)) {
            int family = 0;
            socklen_t size = sizeof family;
            if (getsockopt(descriptor, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0
                && (family == AF_INET || family == AF_INET6))
                kind = ON_NETWORK;
        }
    }
    errno = before;
    return kind;
}

static void note(long number, const char *name, int descriptor, const char *path) {
    char target[PATH_MAX] = "socket";
    if (path != NULL) {
        snprintf(target, sizeof target, "%s", path);
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        ssize_t length = readlink(link, target, sizeof target - 1);
        if (length > 0) target[length] = 0;
        if (strncmp(target, "socket:", 7) == 0) strcpy(target, "socket");
    }
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", number, name, target);
    syscall(SYS_write, call_log, line, (size_t)length);
}

/// What is to become of one call.
enum fate { MAKE, MAKE_AND_DIE, TEAR, FAIL };

/// Counts a call and decides; does not return where the process ends before the call.
///
/// needs_room: whether a full disk makes it fail.
static enum fate count(const char *name, int descriptor, const char *path, bool needs_room) {
    int before = errno;
    long number = atomic_fetch_add(&calls, 1) + 1;
    if (call_log >= 0) note(number, name, descriptor, path);
    errno = before;
    if (moment == FULL) {
        return needs_room && number >= crash_at && atomic_fetch_add(&failures, 1) < crash_for ? FAIL : MAKE;
    }
    if (number != crash_at) return MAKE;
    if (moment == BEFORE) die();
    return moment == TORN ? TEAR : moment == AFTER ? MAKE_AND_DIE : MAKE;
}

/// Keeps what the network took.
static void keep_sent(const struct iovec *parts, size_t count, size_t limit) {
    if (sent_log < 0) return;
    size_t total = 0;
    for (size_t i = 0; i < count; ++i) total += parts[i].iov_len;
    if (total > limit) total = limit;
    // One call for all, so that a kill does not leave half a record.
    uint8_t *record = malloc(total + 4);
    if (record == NULL) abort();
    for (int i = 0; i < 4; ++i) record[i] = (uint8_t)(total >> (24 - 8 * i));
    size_t filled = 0;
    for (size_t i = 0; i < count && filled < total; ++i) {
        size_t length = parts[i].iov_len < total - filled ? parts[i].iov_len : total - filled;
        memcpy(record + 4 + filled, parts[i].iov_base, length);
        filled += length;
    }
    syscall(SYS_write, sent_log, record, total + 4);
    free(record);
}

/// Writes or sends the first half of some parts, at `offset` where that is not negative, and tells how many bytes that was.
static ssize_t tear(int descriptor, const struct iovec *parts, size_t count, off_t offset) {
    size_t total = 0;
    for (size_t i = 0; i < count; ++i) total += parts[i].iov_len;
    size_t half = total / 2;
    size_t done = 0;
    for (size_t i = 0; i < count && done < half; ++i) {
        size_t length = parts[i].iov_len < half - done ? parts[i].iov_len : half - done;
        if (offset >= 0)
            syscall(SYS_pwrite64, descriptor, parts[i].iov_base, length, offset + (off_t)done);
        else
            syscall(SYS_write, descriptor, parts[i].iov_base, length);
        done += length;
    }
    return (ssize_t)half;
}

/// The way of a call that writes or sends `parts`.
#define TRANSFER(name, descriptor, parts, count_of_parts, offset, call)                          \
    do {                                                                                         \
        enum kind kind = kind_of(descriptor);                                                    \
        if (kind == UNCOUNTED) return (call);                                                    \
        enum fate fate = count(name, descriptor, NULL, kind == ON_DISK);                         \
        if (fate == FAIL) {                                                                      \
            errno = ENOSPC;                                                                      \
            return -1;                                                                           \
        }                                                                                        \
        ssize_t result = fate == TEAR                                                            \
            ? tear(descriptor, parts, (size_t)(count_of_parts), offset)                          \
            : (call);                                                                            \
        int reason = errno;                                                                      \
        if (kind == ON_NETWORK && result > 0)                                                    \
            keep_sent(parts, (size_t)(count_of_parts), (size_t)result);                          \
        if (fate == TEAR || fate == MAKE_AND_DIE) die();                                         \
        errno = reason;                                                                          \
        return result;                                                                           \
    } while (0)

ssize_t write(int descriptor, const void *bytes, size_t length) {
    NEXT(write)
    struct iovec part = {(void *)bytes, length};
    TRANSFER("write", descriptor, &part, 1, -1, next(descriptor, bytes, length));
}

ssize_t pwrite(int descriptor, const void *bytes, size_t length, off_t offset) {
    NEXT(pwrite)
    struct iovec part = {(void *)bytes, length};
    TRANSFER("pwrite", descriptor, &part, 1, offset, next(descriptor, bytes, length, offset));
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t length, off64_t offset) {
    NEXT(pwrite64)
    struct iovec part = {(void *)bytes, length};
    TRANSFER("pwrite64", descriptor, &part, 1, offset, next(descriptor, bytes, length, offset));
}

ssize_t writev(int descriptor, const struct iovec *parts, int count_of_parts) {
    NEXT(writev)
    TRANSFER("writev", descriptor, parts, count_of_parts, -1, next(descriptor, parts, count_of_parts));
}

ssize_t send(int descriptor, const void *bytes, size_t length, int flags) {
    NEXT(send)
    struct iovec part = {(void *)bytes, length};
    TRANSFER("send", descriptor, &part, 1, -1, next(descriptor, bytes, length, flags));
}

ssize_t sendto(
    int descriptor, const void *bytes, size_t length, int flags, const struct sockaddr *address, socklen_t size
) {
    NEXT(sendto)
    struct iovec part = {(void *)bytes, length};
    TRANSFER("sendto", descriptor, &part, 1, -1, next(descriptor, bytes, length, flags, address, size));
}

ssize_t sendmsg(int descriptor, const struct msghdr *message, int flags) {
    NEXT(sendmsg)
    TRANSFER(
        "sendmsg", descriptor, message->msg_iov, message->msg_iovlen, -1, next(descriptor, message, flags)
    );
}

/// The way of a call that cannot be made by halves.
#define WHOLE(name, counted, descriptor, path, needs_room, call)            \
    do {                                                                    \
        if (!(counted)) return (call);                                      \
        enum fate fate = count(name, descriptor, path, needs_room);         \
        if (fate == TEAR) die();                                            \
        if (fate == FAIL) {                                                 \
            errno = ENOSPC;                                                 \
            return -1;                                                      \
        }                                                                   \
        int result = (call);                                                \
        if (fate == MAKE_AND_DIE) die();                                    \
        return result;                                                      \
    } while (0)

#define IS_ACTIVE atomic_load_explicit(&active, memory_order_relaxed)

int fsync(int descriptor) {
    NEXT(fsync)
    WHOLE("fsync", kind_of(descriptor) == ON_DISK, descriptor, NULL, true, next(descriptor));
}

int fdatasync(int descriptor) {
    NEXT(fdatasync)
    WHOLE("fdatasync", kind_of(descriptor) == ON_DISK, descriptor, NULL, true, next(descriptor));
}

int ftruncate(int descriptor, off_t length) {
    NEXT(ftruncate)
    WHOLE("ftruncate", kind_of(descriptor) == ON_DISK, descriptor, NULL, length > 0, next(descriptor, length));
}

int ftruncate64(int descriptor, off64_t length) {
    NEXT(ftruncate64)
    WHOLE("ftruncate64", kind_of(descriptor) == ON_DISK, descriptor, NULL, length > 0, next(descriptor, length));
}

int rename(const char *from, const char *to) {
    NEXT(rename)
    WHOLE("rename", IS_ACTIVE, -1, to, false, next(from, to));
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    NEXT(renameat)
    WHOLE("renameat", IS_ACTIVE, -1, to, false, next(from_folder, from, to_folder, to));
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    NEXT(renameat2)
    WHOLE("renameat2", IS_ACTIVE, -1, to, false, next(from_folder, from, to_folder, to, flags));
}

int link(const char *from, const char *to) {
    NEXT(link)
    WHOLE("link", IS_ACTIVE, -1, to, false, next(from, to));
}

int unlink(const char *path) {
    NEXT(unlink)
    WHOLE("unlink", IS_ACTIVE, -1, path, false, next(path));
}

// MARK: The wall clock

int clock_gettime(clockid_t clock, struct timespec *now) {
    NEXT(clock_gettime)
    int result = next(clock, now);
    if (result == 0 && clock_offset != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += *clock_offset;
    return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    NEXT(gettimeofday)
    int result = next(now, zone);
    if (result == 0 && clock_offset != NULL) now->tv_sec += *clock_offset;
    return result;
}

time_t time(time_t *place) {
    NEXT(time)
    time_t now = next(NULL);
    if (now != (time_t)-1 && clock_offset != NULL) now += *clock_offset;
    if (place != NULL) *place = now;
    return now;
}

#endif
