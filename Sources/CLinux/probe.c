#define _GNU_SOURCE
#include "probe.h"

#include "address.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <grp.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int era_probe_find_user(const char *name, uid_t *user, gid_t *group, gid_t *groups, size_t *group_count) {
    char buffer[16384];
    struct passwd entry, *found = NULL;
    char *end = NULL;
    errno = 0;
    unsigned long number = strtoul(name, &end, 10);
    int is_number = name[0] >= '0' && name[0] <= '9' && *end == 0 && errno == 0 && number < UINT_MAX;
    int code = is_number ? getpwuid_r((uid_t)number, &entry, buffer, sizeof buffer, &found)
                         : getpwnam_r(name, &entry, buffer, sizeof buffer, &found);
    if (found == NULL) {
        if (!is_number) return code == 0 ? ENOENT : code;
        // A number needs no entry: it is its own group, and in no other.
        *user = (uid_t)number;
        *group = (gid_t)number;
        *group_count = 0;
        return 0;
    }
    *user = entry.pw_uid;
    *group = entry.pw_gid;
    int count = *group_count > INT_MAX ? INT_MAX : (int)*group_count;
    if (getgrouplist(entry.pw_name, entry.pw_gid, groups, &count) < 0) return ERANGE;
    *group_count = (size_t)count;
    return 0;
}

/// Keeps these of the capabilities that are permitted, through the exec as well.
static int set_capabilities(uint64_t kept) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) != 0) return -1;
    uint32_t low = (uint32_t)kept & sets[0].permitted, high = (uint32_t)(kept >> 32) & sets[1].permitted;
    struct __user_cap_data_struct wanted[2] = {
        {.effective = low, .permitted = low, .inheritable = low},
        {.effective = high, .permitted = high, .inheritable = high},
    };
    if (syscall(SYS_capset, &header, wanted) != 0) return -1;
    uint64_t given = low | (uint64_t)high << 32;
    for (unsigned long number = 0; number < 64; number++)
        if (given >> number & 1) prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0);
    return 0;
}

/// What the child does between vfork and exec, in the memory of its parent: only system calls.
///
/// The wrappers of the C library for set*id would ask every thread of the parent to follow; hence syscall(2).
static void become(
    const char *const *candidates, char *const *arguments, char *const *environment, const char *directory,
    const struct era_probe_user *user, const int streams[3], volatile int *code) {
    for (int signal_number = 1; signal_number < NSIG; signal_number++) {
        // The table of handlers is the child's own; an ignored SIGPIPE of the daemon ends here as well.
        struct sigaction action = {.sa_handler = SIG_DFL};
        sigaction(signal_number, &action, NULL);
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) goto failed;
    if (setpgid(0, 0) != 0) goto failed;
    for (int number = 0; number < 3; number++)
        if (dup2(streams[number] < 0 ? null : streams[number], number) < 0) goto failed;
    // Works on kernels since 5.9; on older ones everything of ours is close-on-exec anyway.
    syscall(SYS_close_range, 3, ~0U, 4 /* CLOSE_RANGE_CLOEXEC */);
    umask(077);
    if (!user->gains_privileges && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) goto failed;
    // As the workload: root by number, and nothing that root may do but what it was given. The bounding set goes
    // first, while we may: dropping fails only where we are not root.
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long number = 0; number < 64; number++)
        if (!(user->capabilities >> number & 1)) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    if (user->capabilities != 0) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (user->is_set) {
        if (syscall(SYS_setgroups, user->group_count, user->groups) != 0) goto failed;
        if (syscall(SYS_setresgid, user->group, user->group, user->group) != 0) goto failed;
        if (syscall(SYS_setresuid, user->user, user->user, user->user) != 0) goto failed;
    }
    if (chdir(directory) != 0) goto failed;
    if (set_capabilities(user->capabilities) != 0) goto failed;
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int refused = 0;
    for (; *candidates != NULL; candidates++) {
        // A file that was just put there may be open for writing, if only in somebody's child for a moment.
        for (int attempt = 0; attempt < 100; attempt++) {
            execve(*candidates, arguments, environment);
            if (errno != ETXTBSY) break;
            poll(NULL, 0, 20);
        }
        if (errno == EACCES) refused = 1;
        if (errno != ENOENT && errno != ENOTDIR && errno != EACCES) goto failed;
    }
    *code = refused ? EACCES : ENOENT;
    _exit(127);
failed:
    *code = errno;
    _exit(127);
}

int era_probe_spawn(
    const char *const *candidates, char *const *arguments, char *const *environment, const char *directory,
    const struct era_probe_user *user, const int streams[3], pid_t *child) {
    volatile int code = 0;
    sigset_t all, previous;
    sigfillset(&all);
    // A handler of ours must not run in the child, which shares our memory until the exec.
    pthread_sigmask(SIG_SETMASK, &all, &previous);
    pid_t process = vfork();
    if (process == 0) {
        become(candidates, arguments, environment, directory, user, streams, &code);
        _exit(127);
    }
    int error = process < 0 ? errno : 0;
    pthread_sigmask(SIG_SETMASK, &previous, NULL);
    if (process < 0) return error;
    if (code != 0) {
        int status;
        while (waitpid(process, &status, 0) < 0 && errno == EINTR) {}
        return code;
    }
    *child = process;
    return 0;
}

int era_probe_descriptor(pid_t child) { return (int)syscall(SYS_pidfd_open, child, 0); }

int era_probe_reap(pid_t child, int *status) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno == ECHILD ? -1 : 0;
    if (info.si_pid == 0) return 0;
    kill(-child, SIGKILL);
    return waitpid(child, status, WNOHANG) == child;
}

int era_probe_pipe(int ends[2]) {
    if (pipe2(ends, O_CLOEXEC) != 0) return -1;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0) return 0;
    int code = errno;
    close(ends[0]);
    close(ends[1]);
    errno = code;
    return -1;
}

int era_probe_connect(const char *host, unsigned short port) {
    struct era_address address;
    if (era_address_read(&address, host, port) != 0) return EINVAL;
    int descriptor = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return errno;
    int code = connect(descriptor, &address.any, address.length) == 0 ? 0 : errno;
    // The loopback's answer is taken in as connect(2) lets go of the socket, hence after its result is fixed.
    struct pollfd ready = {.fd = descriptor, .events = POLLOUT};
    if (code == EINPROGRESS && poll(&ready, 1, 0) == 1) {
        socklen_t size = sizeof code;
        if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) != 0) code = errno;
    }
    close(descriptor);
    return code;
}
