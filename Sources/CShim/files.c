#define _GNU_SOURCE
#include "cshim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int64_t result(int64_t value) { return value < 0 ? -errno : value; }

int32_t era_open_directory(const char *path) {
    return (int32_t)result(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

int32_t era_replace_file(int32_t directory, const char *name, const void *bytes, int64_t size) {
    char temporary[64];
    snprintf(temporary, sizeof temporary, "%s.new", name);
    int file = openat(directory, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return -errno;
    ssize_t written = write(file, bytes, (size_t)size);
    int error = written < 0 ? errno : written != size ? ENOSPC : 0;
    close(file);
    if (error == 0 && renameat(directory, temporary, directory, name) != 0) error = errno;
    if (error != 0) unlinkat(directory, temporary, 0);
    return -error;
}

int32_t era_remove(int32_t directory, const char *name) {
    return (int32_t)result(unlinkat(directory, name, 0));
}

int32_t era_remove_directory(const char *path) { return (int32_t)result(rmdir(path)); }

int32_t era_rename(int32_t directory, const char *from, const char *to) {
    return (int32_t)result(renameat(directory, from, directory, to));
}

int32_t era_open_append(int32_t directory, const char *name, int64_t *size) {
    int flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW;
    int file = openat(directory, name, flags, 0600);
    if (file < 0) return -errno;
    struct stat status;
    *size = fstat(file, &status) == 0 ? status.st_size : 0;
    return file;
}

int32_t era_truncate(int32_t descriptor, int64_t size) { return (int32_t)result(ftruncate(descriptor, size)); }

int32_t era_write_control(const char *path, const char *name, const char *text) {
    int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return -errno;
    int file = openat(directory, name, O_WRONLY | O_CLOEXEC);
    int error = file < 0 ? errno : 0;
    close(directory);
    if (file < 0) return -error;
    if (write(file, text, strlen(text)) < 0) error = errno;
    close(file);
    return -error;
}

int32_t era_pipe(int32_t *reading, int32_t *writing) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
    // Only our end: the workload's is a blocking pipe, as programs expect.
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    *reading = ends[0];
    *writing = ends[1];
    return 0;
}

int32_t era_listen_unix(int32_t directory, const char *name) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    // By way of the open directory, because an address has room for 107 bytes only.
    int length = snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", directory, name);
    if (length < 0 || (size_t)length >= sizeof address.sun_path) return -ENAMETOOLONG;
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0) return -errno;
    unlinkat(directory, name, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 16) != 0) {
        int error = errno;
        close(listener);
        return -error;
    }
    return listener;
}

int32_t era_accept(int32_t listener) {
    int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (connection < 0) return -errno;
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0
        || (peer.uid != 0 && peer.uid != geteuid())) {
        close(connection);
        return -EPERM;
    }
    return connection;
}

int64_t era_send(int32_t descriptor, const void *bytes, int64_t size) {
    return result(send(descriptor, bytes, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL));
}

int64_t era_send_descriptors(
    int32_t descriptor, const void *bytes, int64_t size, const int32_t *list, int32_t count) {
    union {
        char bytes[CMSG_SPACE(64 * sizeof(int))];
        struct cmsghdr alignment;
    } control;
    if (count < 0 || count > 64) return -EINVAL;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = (size_t)size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int));
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN((size_t)count * sizeof(int));
        memcpy(CMSG_DATA(header), list, (size_t)count * sizeof(int));
    }
    return result(sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL));
}
