#ifndef ERA_PROBE_H
#define ERA_PROBE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// Who a program runs as, and what it may do beyond that: a bit for each capability, by its number. It never gets
/// one that the caller does not have.
struct era_probe_user {
    int is_set;
    uint64_t capabilities;
    /// Whether programs with privileges of their own may be run.
    int gains_privileges;
    uid_t user;
    gid_t group;
    size_t group_count;
    const gid_t *groups;
};

/// Looks a user up by name or number, with its groups. `groups` has room for `*group_count` of them.
/// Returns 0, or ENOENT where there is no such user, ERANGE where it is in too many groups, or another errno.
int era_probe_find_user(const char *name, uid_t *user, gid_t *group, gid_t *groups, size_t *group_count);

/// Starts a program in a process group of its own, with `streams` as descriptors 0 to 2 (-1 is /dev/null) and no
/// other, default signals, umask 077, and no way to new privileges.
///
/// `candidates` are the paths to try, in this order, each relative to `directory` unless it is absolute.
/// Nothing of the caller's memory is touched between the fork and the exec but one error number: safe in a process
/// of many threads. Returns 0 and the process in `child`; or the errno of what failed, and nothing is left.
int era_probe_spawn(
    const char *const *candidates, char *const *arguments, char *const *environment, const char *directory,
    const struct era_probe_user *user, const int streams[3], pid_t *child);

/// A descriptor that becomes readable when the process ends, or -1 and errno.
int era_probe_descriptor(pid_t child);

/// Reaps an ended child that leads its group, after what is left of the group was killed: until then the number
/// cannot be used again. Returns 1 and the status of waitpid(2), 0 where it has not ended, or -1 where it
/// is no child of ours any more.
int era_probe_reap(pid_t child, int *status);

/// A pipe, both ends close-on-exec, the reading end non-blocking. Returns 0, or -1 and errno.
int era_probe_pipe(int ends[2]);

/// Begins to connect to an address, closes again at once, and never waits. Returns 0 where the connection stood
/// already, as on this machine it does; EINPROGRESS where the answer takes longer; EINVAL where `host` is no
/// IPv4 or IPv6 address; or the errno of what refused it.
int era_probe_connect(const char *host, unsigned short port);

#endif
