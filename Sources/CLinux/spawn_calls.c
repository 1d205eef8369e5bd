#define _GNU_SOURCE
#include "spawn.h"

#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

// Closes, keeps errno, and returns -1.
static int give_up(int descriptor) {
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}

int era_spawn_memory_file(const char *name, const void *bytes, size_t size) {
    int file = memfd_create(name, MFD_CLOEXEC);
    if (file < 0) return -1;
    for (size_t done = 0; done < size;) {
        ssize_t written = write(file, (const char *)bytes + done, size - done);
        if (written < 0) return give_up(file);
        done += (size_t)written;
    }
    if (lseek(file, 0, SEEK_SET) != 0) return give_up(file);
    return file;
}

int era_spawn_socket_pair(int *ours, int *theirs) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) return -1;
    *ours = ends[0];
    *theirs = ends[1];
    return 0;
}

int era_spawn_connect(const char *directory, const char *name) {
    int parent = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0) return -1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    // By way of the open directory, because an address has room for 107 bytes only.
    int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", parent, name);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return give_up(parent);
    }
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (connection < 0) return give_up(parent);
    int connected = connect(connection, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    close(parent);
    errno = error;
    if (connected != 0) return give_up(connection);
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return give_up(connection);
    if (peer.uid != 0 && peer.uid != geteuid()) {
        errno = EPERM;
        return give_up(connection);
    }
    return connection;
}

ssize_t era_spawn_receive(int connection, void *bytes, size_t size, int *descriptors, int capacity, int *count) {
    union {
        char bytes[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    *count = 0;
    ssize_t length = recvmsg(connection, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (length < 0) return -1;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t given = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t index = 0; index < given; index++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(header) + index * sizeof(int), sizeof descriptor);
            if (*count < capacity) {
                descriptors[(*count)++] = descriptor;
            } else {
                close(descriptor);
            }
        }
    }
    return length;
}

int era_spawn_listen(const char *host, uint16_t port, int is_udp) {
    enum { backlog = 4096 };
    struct era_address address;
    if (era_address_read(&address, host, port) != 0) {
        errno = EINVAL;
        return -1;
    }
    int descriptor = socket(address.any.sa_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -1;
    int yes = 1;
    if (!is_udp) setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(descriptor, &address.any, address.length) != 0) return give_up(descriptor);
    if (!is_udp && listen(descriptor, backlog) != 0) return give_up(descriptor);
    return descriptor;
}

int era_spawn_pidfd_open(int32_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int era_spawn_pidfd_signal(int pidfd, int signal) {
    return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int era_spawn_is_cgroup2(const char *path) {
    struct statfs status;
    return statfs(path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
}
