#ifndef ERA_CSHIM_H
#define ERA_CSHIM_H

// The system calls of era-shim. Embedded Swift sees no libc module, so each call it needs is here, in types of
// fixed width. A function that can fail returns a negative errno.

#include <stdint.h>

/// The errno values that the shim tells apart.
enum { ERA_EAGAIN = 11, ERA_ECHILD = 10, ERA_EINTR = 4 };

/// One descriptor to wait for, laid out as struct pollfd.
struct era_poll {
    int32_t descriptor;
    int16_t events;
    int16_t happened;
};

/// Events of `era_poll`.
enum { ERA_READABLE = 1 };

/// Becomes the parent of orphaned descendants, ignores what would end it, and blocks SIGCHLD.
/// Returns a descriptor that is readable when a child changed.
int32_t era_shim_setup(void);

/// Takes the next pending SIGCHLD off the descriptor.
void era_drain_signals(int32_t descriptor);

/// Maps the configuration for reading and writing, privately. Sets `size`. NULL when it cannot.
uint8_t *era_map(int32_t descriptor, int64_t *size);
void era_unmap(uint8_t *bytes, int64_t size);

void era_close(int32_t descriptor);
int64_t era_read(int32_t descriptor, void *bytes, int64_t size);
int64_t era_write(int32_t descriptor, const void *bytes, int64_t size);
int32_t era_wait_for(struct era_poll *list, int32_t count, int32_t timeout_milliseconds);
int32_t era_pid(void);

/// Opens a directory for the calls below.
int32_t era_open_directory(const char *path);

/// Replaces `name` in `directory` by these bytes in one step: whoever reads it sees the old or the new.
int32_t era_replace_file(int32_t directory, const char *name, const void *bytes, int64_t size);
int32_t era_remove(int32_t directory, const char *name);
int32_t era_remove_directory(const char *path);
int32_t era_rename(int32_t directory, const char *from, const char *to);

/// Opens a file to append to, made with mode 0600; sets `size` to its length.
int32_t era_open_append(int32_t directory, const char *name, int64_t *size);
int32_t era_truncate(int32_t descriptor, int64_t size);

/// Writes text to `name` below the directory `path`; for cgroup files.
int32_t era_write_control(const char *path, const char *name, const char *text);

/// A pipe whose reading end does not block.
int32_t era_pipe(int32_t *reading, int32_t *writing);

/// Listens on a unix socket called `name` in `directory`, whatever the length of its path.
int32_t era_listen_unix(int32_t directory, const char *name);

/// The next connection of a peer with our own or root's user; -EAGAIN without one, -EPERM for another user.
int32_t era_accept(int32_t listener);

/// Sends without blocking and without SIGPIPE.
int64_t era_send(int32_t descriptor, const void *bytes, int64_t size);

/// Sends bytes with descriptors beside them (SCM_RIGHTS).
int64_t era_send_descriptors(
    int32_t descriptor, const void *bytes, int64_t size, const int32_t *list, int32_t count);

/// Nanoseconds since boot, and since 1970.
int64_t era_uptime(void);
int64_t era_wall_time(void);

/// When a process started, in clock ticks since boot: field 22 of /proc/PID/stat. 0 when there is none.
uint64_t era_start_time(int32_t pid);

/// Takes one ended child. Returns its pid, 0 while the others live, -ECHILD when there is none.
/// `code` is the exit code, or -1 when `signal` ended it.
int32_t era_reap(int32_t *code, int32_t *signal);

/// Signals a process group, or one child that was not reaped yet.
int32_t era_signal_group(int32_t group, int32_t signal);
int32_t era_signal(int32_t pid, int32_t signal);

/// Our direct children. Returns how many were written to `list`.
int32_t era_children(int32_t *list, int32_t capacity);

/// A limit for setrlimit(2); UINT64_MAX for none.
struct era_limit {
    int32_t resource;
    uint64_t soft;
    uint64_t hard;
};

/// A mount of the workload's own mount namespace. `source` NULL asks for a tmpfs, or an overlay, with `options`.
struct era_mount {
    const char *source;
    const char *target;
    const char *options;
    int32_t is_read_only;
    int32_t is_overlay;
};

/// Everything that happens between fork and exec.
struct era_launch {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    const char *oom_score_adjust;
    const char *cgroup;
    /// The digits of LISTEN_PID in the environment, ten bytes and the end; NULL without sockets.
    char *listen_pid;
    const int32_t *sockets;
    const uint32_t *groups;
    const struct era_limit *limits;
    const struct era_mount *mounts;
    int32_t socket_count;
    int32_t group_count;
    int32_t limit_count;
    int32_t mount_count;
    int32_t output;
    int32_t error;
    uint32_t user;
    uint32_t group;
    int32_t switches_user;
    /// A bit for each capability that the workload keeps.
    uint64_t capabilities;
    /// Whether what is launched may run programs with privileges of their own; it gives that up itself.
    int32_t gains_privileges;
};

/// What a launch was doing when it failed.
enum {
    ERA_STAGE_NONE = 0,
    ERA_STAGE_CONFIGURATION = 1,
    ERA_STAGE_STATE = 2,
    ERA_STAGE_CONTROL = 3,
    ERA_STAGE_LOG = 4,
    ERA_STAGE_FORK = 5,
    ERA_STAGE_CGROUP = 6,
    ERA_STAGE_MOUNT = 7,
    ERA_STAGE_LIMIT = 8,
    ERA_STAGE_DIRECTORY = 9,
    ERA_STAGE_DESCRIPTORS = 10,
    ERA_STAGE_USER = 11,
    ERA_STAGE_PRIVILEGES = 12,
    ERA_STAGE_EXEC = 13,
    ERA_STAGE_LAUNCHER = 14,
};

/// Forks and execs. Returns the pid; or a negative errno, with `stage` set.
int32_t era_start(const struct era_launch *launch, int32_t *stage);

/// Waits for a launcher that was started: a program that leaves the workload to us, its number in a file, and ends.
/// Returns the pid of the workload, which is our child; or a negative errno, with the launcher's exit code in `code`
/// (128 and the signal where one ended it, 0 where the file is at fault), and all that it left is killed.
int32_t era_await_launcher(int32_t launcher, const char *pid_file, int32_t *code);

/// Becomes a program in a user namespace of its own, whose root is our user. The words are two maps, of users and of
/// groups, the target and the options of an overlay that nobody else sees (both empty for none), and the program with
/// its arguments; where there is none it was a trial, and 0 is returned. A map is what /proc/PID/uid_map takes,
/// for a single user, or newuidmap with its arguments but the process.
/// Returns the exit code after a failure, which was said on standard error.
int32_t era_run_within(char **words);

/// Becomes a program in the user namespace of a process. The words are its number, and the program with its arguments.
/// Returns as `era_run_within`.
int32_t era_run_inside(char **words);

#endif
