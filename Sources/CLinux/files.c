#define _GNU_SOURCE
#include "files.h"

#include "address.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int era_open_at(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags | O_CLOEXEC, mode);
}

/// openat2(2); errno ENOSYS where the kernel, or a filter in front of it, has no such call.
static int open_how(int directory, const char *path, int flags, unsigned long long resolve) {
    struct open_how how = {.flags = (unsigned)(flags | O_CLOEXEC), .resolve = resolve};
    int attempts = 0;
    int descriptor;
    do {
        // EAGAIN: a rename somewhere made the kernel unsure; it says to try again.
        descriptor = (int)syscall(SYS_openat2, directory, path, &how, sizeof how);
    } while (descriptor < 0 && (errno == EINTR || errno == EAGAIN) && ++attempts < 100);
    // Old container engines answer EPERM to a call that they do not know.
    if (descriptor < 0 && errno == EPERM) errno = ENOSYS;
    return descriptor;
}

static ssize_t place_of(int descriptor, char *place, size_t size) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, place, size - 1);
    if (length >= 0) place[length] = 0;
    return length;
}

int era_open_beneath(int directory, const char *path, int flags) {
    int descriptor = open_how(directory, path, flags, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    if (descriptor >= 0 || errno != ENOSYS) return descriptor;

    descriptor = openat(directory, path, flags | O_CLOEXEC);
    if (descriptor < 0) return -1;
    char root[PATH_MAX], place[PATH_MAX];
    ssize_t length = place_of(directory, root, sizeof root);
    if (length > 0 && place_of(descriptor, place, sizeof place) > length &&
        strncmp(root, place, (size_t)length) == 0 && place[length] == '/') {
        return descriptor;
    }
    close(descriptor);
    errno = EXDEV;
    return -1;
}

int era_find_beneath(int directory, const char *path) { return era_open_beneath(directory, path, O_PATH); }

enum {
    /// Directories that are open at once while a tree is removed; what lies deeper is moved up first.
    DEPTH_LIMIT = 32,
    /// Passes over one directory: only a writer at work makes more than two necessary.
    PASS_LIMIT = 1000,
    /// Times that the top is emptied: likewise.
    ROUND_LIMIT = 100,
};

struct removal {
    int top;
    dev_t device;
    unsigned moved;
    char *culprit;
    size_t culprit_size;
};

static int resist(struct removal *removal, const char *name) {
    int code = errno;
    if (removal->culprit_size > 0) snprintf(removal->culprit, removal->culprit_size, "%s", name);
    errno = code;
    return -1;
}

/// Opens a directory of the tree; EBUSY for a mount point.
static int open_inside(struct removal *removal, int parent, const char *name) {
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
    unsigned long long resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    int descriptor = open_how(parent, name, flags, resolve);
    if (descriptor < 0 && errno == ENOSYS) descriptor = openat(parent, name, flags | O_CLOEXEC);
    if (descriptor < 0 && errno == EXDEV) errno = EBUSY;
    if (descriptor < 0 && errno == EACCES) {
        // A program may take the permissions of its own directory away; ours to give back.
        int handle = openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (handle < 0) return -1;
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
        bool given = chmod(link, 0700) == 0;
        close(handle);
        if (!given) return -1;
        descriptor = open_how(parent, name, flags, resolve);
        if (descriptor < 0 && errno == ENOSYS) descriptor = openat(parent, name, flags | O_CLOEXEC);
    }
    if (descriptor < 0) return -1;
    struct stat status;
    if (fstat(descriptor, &status) != 0 || (removal->device != 0 && status.st_dev != removal->device)) {
        close(descriptor);
        errno = EBUSY;
        return -1;
    }
    removal->device = status.st_dev;
    return descriptor;
}

static int remove_children(struct removal *removal, int directory, int depth);

/// Somebody put a file or a link in the place of what was a directory a moment ago: the next pass sees it.
static bool is_swapped(int code) { return code == ENOTDIR || code == ELOOP; }

static int remove_child(struct removal *removal, int directory, const char *name, int depth) {
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return resist(removal, name);
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (is_swapped(errno)) return 0;
    if (errno != ENOTEMPTY && errno != EEXIST) return resist(removal, name);

    if (depth >= DEPTH_LIMIT) {
        char place[64];
        do {
            snprintf(place, sizeof place, ".era-removing-%u", removal->moved++);
        } while (syscall(SYS_renameat2, directory, name, removal->top, place, 1 /* RENAME_NOREPLACE */) != 0 &&
                 errno == EEXIST);
        if (errno == EEXIST || faccessat(directory, name, F_OK, AT_SYMLINK_NOFOLLOW) != 0) return 0;
        return resist(removal, name);
    }
    int child = open_inside(removal, directory, name);
    if (child < 0) return errno == ENOENT || is_swapped(errno) ? 0 : resist(removal, name);
    if (remove_children(removal, child, depth + 1) != 0) return -1;
    if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT || errno == ENOTEMPTY) return 0;
    return is_swapped(errno) ? 0 : resist(removal, name);
}

/// Empties a directory and closes its descriptor.
static int remove_children(struct removal *removal, int directory, int depth) {
    DIR *stream = fdopendir(directory);
    if (stream == NULL) {
        int code = errno;
        close(directory);
        errno = code;
        return resist(removal, ".");
    }
    int result = 0;
    for (int pass = 0; result == 0 && pass < PASS_LIMIT; pass++) {
        bool found = false;
        struct dirent *entry;
        rewinddir(stream);
        while (result == 0 && (entry = readdir(stream)) != NULL) {
            if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
            found = true;
            result = remove_child(removal, dirfd(stream), entry->d_name, depth);
        }
        if (!found) break;
    }
    int code = errno;
    closedir(stream);
    errno = code;
    return result;
}

int era_remove_tree(int directory, const char *name, char *culprit, size_t culprit_size) {
    struct removal removal = {.top = -1, .culprit = culprit, .culprit_size = culprit_size};
    if (culprit_size > 0) culprit[0] = 0;
    if (unlinkat(directory, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return resist(&removal, name);
    for (int round = 0; round < ROUND_LIMIT; round++) {
        int top = open_inside(&removal, directory, name);
        if (top < 0) return errno == ENOENT ? 0 : resist(&removal, name);
        removal.top = top;
        if (remove_children(&removal, top, 0) != 0) return -1;
        if (unlinkat(directory, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
        // A writer at work has put something into it meanwhile.
        if (errno != ENOTEMPTY && errno != EEXIST) break;
    }
    return resist(&removal, name);
}

int era_try_bind(const char *host, unsigned short port, int is_udp) {
    struct era_address address;
    if (era_address_read(&address, host, port) != 0) return EINVAL;
    int descriptor = socket(address.any.sa_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    int code = 0;
    int yes = 1;
    // On UDP the option would let two sockets share the port: there it hides what is asked for.
    if (!is_udp && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) code = errno;
    if (code == 0 && bind(descriptor, &address.any, address.length) != 0) code = errno;
    close(descriptor);
    return code;
}
