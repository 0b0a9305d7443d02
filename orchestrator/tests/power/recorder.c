/* Preloaded into a process that writes: notes, in one order, everything that it does to files below a folder, so that a
 * test can think up every state in which a power cut may leave them. See main.rs for what is modelled and what is not.
 *
 * POWER_ROOT: the folder. POWER_LOG: where the notes go. POWER_DIE_AT: end the process after so many notes.
 * One lock is held around each call and its note: the order of the notes is the order of what happened. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define MOST_FDS 4096

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int notes = -1;
static long left = -1;
static const char *root;
static uint64_t known[MOST_FDS]; /* the inode behind a descriptor of ours; 0: it is not ours */

#define REAL(name) ((typeof(&name))dlsym(RTLD_NEXT, #name))

static void begin(void) {
    if (notes >= 0) return;
    root = getenv("POWER_ROOT");
    const char *log = getenv("POWER_LOG"), *die = getenv("POWER_DIE_AT");
    if (!root || !log) abort();
    notes = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (notes < 0) abort();
    if (die) left = atol(die);
}

static int ours(const char *path) {
    begin();
    return strncmp(path, root, strlen(root)) == 0;
}

static void put(const void *bytes, size_t length) {
    while (length > 0) {
        ssize_t done = REAL(write)(notes, bytes, length);
        if (done <= 0) abort();
        bytes = (const char *)bytes + done;
        length -= (size_t)done;
    }
}

/* kind, inode, offset, lengths of the data and of two paths; then these. All numbers are little-endian. */
static void note(char kind, uint64_t inode, uint64_t offset, const void *data, size_t length, const char *a, const char *b) {
    uint32_t lengths[3] = {(uint32_t)length, a ? (uint32_t)strlen(a) : 0, b ? (uint32_t)strlen(b) : 0};
    put(&kind, 1);
    put(&inode, 8);
    put(&offset, 8);
    put(lengths, sizeof lengths);
    put(data, length);
    put(a, lengths[1]);
    put(b, lengths[2]);
    if (left > 0 && --left == 0) _exit(9);
}

static uint64_t inode_of(int fd) {
    struct stat found;
    return fstat(fd, &found) == 0 ? (uint64_t)found.st_ino : 0;
}

static uint64_t ours_at(int fd) { return fd >= 0 && fd < MOST_FDS ? known[fd] : 0; }

static int opened(int fd, const char *path, int existed, int flags) {
    if (fd < 0) return fd;
    if (fd >= MOST_FDS) abort();
    known[fd] = inode_of(fd);
    if (!existed) note('C', known[fd], 0, NULL, 0, path, NULL);
    else if (flags & O_TRUNC) note('T', known[fd], 0, NULL, 0, NULL, NULL);
    return fd;
}

#define OPEN(name)                                                     \
    int name(const char *path, int flags, ...) {                       \
        mode_t mode = 0;                                               \
        if (flags & (O_CREAT | __O_TMPFILE)) {                         \
            va_list more;                                              \
            va_start(more, flags);                                     \
            mode = va_arg(more, mode_t);                               \
            va_end(more);                                              \
        }                                                              \
        if (!ours(path)) return REAL(name)(path, flags, mode);         \
        pthread_mutex_lock(&lock);                                     \
        int existed = access(path, F_OK) == 0;                         \
        int fd = opened(REAL(name)(path, flags, mode), path, existed, flags); \
        pthread_mutex_unlock(&lock);                                   \
        return fd;                                                     \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < MOST_FDS) known[fd] = 0;
    int done = REAL(close)(fd);
    pthread_mutex_unlock(&lock);
    return done;
}

static ssize_t wrote(int fd, const void *data, off_t at, ssize_t done) {
    if (done > 0) note('W', known[fd], (uint64_t)at, data, (size_t)done, NULL, NULL);
    return done;
}

ssize_t write(int fd, const void *data, size_t length) {
    if (!ours_at(fd)) return REAL(write)(fd, data, length);
    pthread_mutex_lock(&lock);
    off_t at = lseek(fd, 0, (fcntl(fd, F_GETFL) & O_APPEND) ? SEEK_END : SEEK_CUR);
    ssize_t done = wrote(fd, data, at, REAL(write)(fd, data, length));
    pthread_mutex_unlock(&lock);
    return done;
}

#define PWRITE(name, offset)                                                   \
    ssize_t name(int fd, const void *data, size_t length, offset at) {         \
        if (!ours_at(fd)) return REAL(name)(fd, data, length, at);             \
        pthread_mutex_lock(&lock);                                             \
        ssize_t done = wrote(fd, data, at, REAL(name)(fd, data, length, at));  \
        pthread_mutex_unlock(&lock);                                           \
        return done;                                                           \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset)                                               \
    int name(int fd, offset length) {                                        \
        if (!ours_at(fd)) return REAL(name)(fd, length);                     \
        pthread_mutex_lock(&lock);                                           \
        int done = REAL(name)(fd, length);                                   \
        if (done == 0) note('T', known[fd], (uint64_t)length, NULL, 0, NULL, NULL); \
        pthread_mutex_unlock(&lock);                                         \
        return done;                                                         \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                  \
    int name(int fd) {                                              \
        if (!ours_at(fd)) return REAL(name)(fd);                    \
        pthread_mutex_lock(&lock);                                  \
        int done = REAL(name)(fd);                                  \
        if (done == 0) note('S', known[fd], 0, NULL, 0, NULL, NULL); \
        pthread_mutex_unlock(&lock);                                \
        return done;                                                \
    }
SYNC(fsync)
SYNC(fdatasync)

int rename(const char *from, const char *to) {
    if (!ours(from)) return REAL(rename)(from, to);
    pthread_mutex_lock(&lock);
    int done = REAL(rename)(from, to);
    if (done == 0) note('R', 0, 0, NULL, 0, from, to);
    pthread_mutex_unlock(&lock);
    return done;
}

#define GONE(name)                                                  \
    int name(const char *path) {                                    \
        if (!ours(path)) return REAL(name)(path);                   \
        pthread_mutex_lock(&lock);                                  \
        int done = REAL(name)(path);                                \
        if (done == 0) note('U', 0, 0, NULL, 0, path, NULL);        \
        pthread_mutex_unlock(&lock);                                \
        return done;                                                \
    }
GONE(unlink)
GONE(rmdir)

int unlinkat(int folder, const char *name, int flags) {
    char path[4096] = "", link[64];
    if (folder == AT_FDCWD || name[0] == '/') {
        snprintf(path, sizeof path, "%s", name);
    } else {
        snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length < 0) abort();
        snprintf(path + length, sizeof path - (size_t)length, "/%s", name);
    }
    if (!ours(path)) return REAL(unlinkat)(folder, name, flags);
    pthread_mutex_lock(&lock);
    int done = REAL(unlinkat)(folder, name, flags);
    if (done == 0) note('U', 0, 0, NULL, 0, path, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

int mkdir(const char *path, mode_t mode) {
    if (!ours(path)) return REAL(mkdir)(path, mode);
    pthread_mutex_lock(&lock);
    int done = REAL(mkdir)(path, mode);
    struct stat made;
    if (done == 0 && stat(path, &made) == 0) note('M', (uint64_t)made.st_ino, 0, NULL, 0, path, NULL);
    pthread_mutex_unlock(&lock);
    return done;
}

/* What a store has no business to do below the folder would be missing from the notes: it is noted as that. */
static int strange(int fd, const char *what) {
    if (ours_at(fd)) {
        pthread_mutex_lock(&lock);
        note('?', known[fd], 0, NULL, 0, what, NULL);
        pthread_mutex_unlock(&lock);
    }
    return 0;
}

ssize_t writev(int fd, const struct iovec *pieces, int count) {
    strange(fd, "writev");
    return REAL(writev)(fd, pieces, count);
}

int fallocate(int fd, int mode, off_t at, off_t length) {
    strange(fd, "fallocate");
    return REAL(fallocate)(fd, mode, at, length);
}

int posix_fallocate(int fd, off_t at, off_t length) {
    strange(fd, "posix_fallocate");
    return REAL(posix_fallocate)(fd, at, length);
}
