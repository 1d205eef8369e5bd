#ifndef ERA_SPAWN_H
#define ERA_SPAWN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Starts a program in a session of its own that is no child of ours and survives us.
///
/// Descriptors 0 to 2 are /dev/null, `descriptors` follow from 3 on, and no other is inherited; signals are at
/// their defaults, the working directory is `/`, the umask 077. Safe in a process with threads: between fork and
/// exec runs nothing but system calls. Returns 0 once the program runs, else an errno.
int era_spawn_detached(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count);

/// Starts a program as a child of ours, in a session of its own, in `directory`, with `streams` as descriptors 0 to
/// 2 and no other; the rest as ``era_spawn_detached``. `program` is executed where it is not -1, else the file at
/// `path`. Returns 0 and the process, which ``era_probe_reap`` reaps; or an errno, and nothing is left.
int era_spawn_child(
    int program, const char *path, char *const arguments[], char *const environment[], const char *directory,
    const int streams[3], pid_t *child);

/// An anonymous file with these bytes, closed on exec, read from its start. Returns it, or -1 and errno.
int era_spawn_memory_file(const char *name, const void *bytes, size_t size);

/// A connected pair of stream sockets, closed on exec; `ours` does not block. Returns 0, or -1 and errno.
int era_spawn_socket_pair(int *ours, int *theirs);

/// Connects to the unix socket `name` in `directory`, whatever the length of the path, without blocking.
/// Returns the connection, or -1 and errno; EPERM when the peer's user is neither ours nor root.
int era_spawn_connect(const char *directory, const char *name);

/// Receives bytes and the descriptors beside them, which are closed on exec. Sets `count`.
/// Returns the number of bytes, or -1 and errno.
ssize_t era_spawn_receive(int connection, void *bytes, size_t size, int *descriptors, int capacity, int *count);

/// Binds a TCP socket that listens, or a UDP socket, to an IPv4 or IPv6 address; closed on exec.
/// Returns it, or -1 and errno; EINVAL when `host` is not an address.
int era_spawn_listen(const char *host, uint16_t port, int is_udp);

/// pidfd_open(2); the descriptor is readable once the process has ended. Returns it, or -1 and errno.
int era_spawn_pidfd_open(int32_t pid);

/// pidfd_send_signal(2). Returns 0, or -1 and errno.
int era_spawn_pidfd_signal(int pidfd, int signal);

/// Whether `path` is the mount point of a cgroup v2 hierarchy.
int era_spawn_is_cgroup2(const char *path);


#endif
