#define _GNU_SOURCE
#include "cshim.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

// The way from fork to exec. The child has its own copy of memory, runs nothing but system calls, and tells
// through a shared page what went wrong; the parent sleeps until it has exec'd or ended (CLONE_VFORK).

struct report {
    int32_t stage;
    int32_t error;
};

// As the kernel takes it: the library hides two signals that it uses itself, which may be ignored here.
struct kernel_action {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static void reset_signals(void) {
    struct kernel_action action = {.handler = SIG_DFL};
    for (int number = 1; number <= 64; number++)
        syscall(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
    syscall(SYS_rt_sigprocmask, SIG_SETMASK, &action.mask, NULL, sizeof action.mask);
}

static int write_text(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t written = write(file, text, strlen(text));
    int error = errno;
    close(file);
    errno = error;
    return written < 0 ? -1 : 0;
}

static int mount_one(const struct era_mount *mounting) {
    if (mounting->is_overlay) return mount("overlay", mounting->target, "overlay", 0, mounting->options);
    if (mounting->source == NULL) {
        unsigned long flags = MS_NOSUID | MS_NODEV;
        return mount("tmpfs", mounting->target, "tmpfs", flags, mounting->options);
    }
    if (mount(mounting->source, mounting->target, NULL, MS_BIND, NULL) != 0) return -1;
    if (!mounting->is_read_only) return 0;
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV;
    return mount(NULL, mounting->target, NULL, flags, NULL);
}

static int mount_all(const struct era_launch *launch) {
    if (launch->mount_count == 0) return 0;
    if (unshare(CLONE_NEWNS) != 0) return -1;
    // What the host unmounts disappears here too; what is mounted here stays here.
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) return -1;
    if (chdir(launch->directory) != 0) return -1;
    for (int32_t index = 0; index < launch->mount_count; index++)
        if (mount_one(&launch->mounts[index]) != 0) return -1;
    return 0;
}

static int set_limits(const struct era_launch *launch) {
    for (int32_t index = 0; index < launch->limit_count; index++) {
        const struct era_limit *limit = &launch->limits[index];
        struct rlimit value = {
            .rlim_cur = limit->soft == UINT64_MAX ? RLIM_INFINITY : limit->soft,
            .rlim_max = limit->hard == UINT64_MAX ? RLIM_INFINITY : limit->hard,
        };
        if (setrlimit((__rlimit_resource_t)limit->resource, &value) != 0) return -1;
    }
    return 0;
}

enum { parking = 128 };

// A copy of a descriptor above all those that are to be given out. EMFILE also where the limit lies below.
static int park(int descriptor) {
    int copy = fcntl(descriptor, F_DUPFD, parking);
    if (copy < 0 && errno == EINVAL) errno = EMFILE;
    return copy;
}

// Descriptors 0 to 2, the sockets from 3 on, and nothing else.
static int arrange_descriptors(const struct era_launch *launch) {
    int sockets[64];
    if (launch->socket_count > 64) {
        errno = EMFILE;
        return -1;
    }
    int output = park(launch->output), error = output < 0 ? -1 : park(launch->error);
    if (output < 0 || error < 0) return -1;
    for (int32_t index = 0; index < launch->socket_count; index++) {
        sockets[index] = park(launch->sockets[index]);
        if (sockets[index] < 0) return -1;
        // Shared with the workload before this one, which may have changed it.
        fcntl(sockets[index], F_SETFL, fcntl(sockets[index], F_GETFL) & ~O_NONBLOCK);
    }
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || (null != 0 && dup2(null, 0) < 0) || dup2(output, 1) < 0 || dup2(error, 2) < 0) return -1;
    for (int32_t index = 0; index < launch->socket_count; index++)
        if (dup2(sockets[index], 3 + index) < 0) return -1;
    if (syscall(SYS_close_range, 3u + (unsigned)launch->socket_count, ~0u, 0) == 0) return 0;
    // Kernels before 5.9.
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return -1;
    for (rlim_t number = 3u + (unsigned)launch->socket_count; number < limit.rlim_cur; number++)
        close((int)number);
    return 0;
}

static void write_own_pid(char *digits) {
    if (digits == NULL) return;
    char reversed[10];
    int count = 0;
    for (pid_t pid = getpid(); pid > 0 && count < 10; pid /= 10) reversed[count++] = (char)('0' + pid % 10);
    for (int index = 0; index < count; index++) digits[index] = reversed[count - 1 - index];
    digits[count] = 0;
}

static int change_user(const struct era_launch *launch) {
    if (!launch->switches_user) return 0;
    if (syscall(SYS_setgroups, (size_t)launch->group_count, launch->groups) != 0) return -1;
    if (syscall(SYS_setresgid, launch->group, launch->group, launch->group) != 0) return -1;
    return (int)syscall(SYS_setresuid, launch->user, launch->user, launch->user);
}

static int set_capabilities(uint64_t kept) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct sets[2];
    if (syscall(SYS_capget, &header, sets) != 0) return -1;
    // Never more than we have: a daemon without privileges gives none.
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

// The bounding set goes first, while we may; then the user; then the sets themselves.
static int drop_privileges(const struct era_launch *launch, int32_t *stage) {
    *stage = ERA_STAGE_PRIVILEGES;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned long number = 0; number < 64; number++)
        if (!(launch->capabilities >> number & 1)) prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    if (launch->capabilities != 0) prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    *stage = ERA_STAGE_USER;
    if (change_user(launch) != 0) return -1;
    *stage = ERA_STAGE_PRIVILEGES;
    if (set_capabilities(launch->capabilities) != 0) return -1;
    return launch->gains_privileges ? 0 : prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static _Noreturn void become_workload(const struct era_launch *launch, struct report *report) {
    reset_signals();
    setsid();
    // Not worth failing for: raising needs privileges, and the value is advice to the kernel.
    if (launch->oom_score_adjust != NULL) write_text("/proc/self/oom_score_adj", launch->oom_score_adjust);
    report->stage = ERA_STAGE_MOUNT;
    if (mount_all(launch) != 0) goto failed;
    report->stage = ERA_STAGE_DIRECTORY;
    if (chdir(launch->directory) != 0) goto failed;
    report->stage = ERA_STAGE_DESCRIPTORS;
    if (arrange_descriptors(launch) != 0) goto failed;
    // After what needs descriptors, before what gives away the right to raise a limit.
    report->stage = ERA_STAGE_LIMIT;
    if (set_limits(launch) != 0) goto failed;
    if (drop_privileges(launch, &report->stage) != 0) goto failed;
    umask(022);
    write_own_pid(launch->listen_pid);
    report->stage = ERA_STAGE_EXEC;
    // A program that was unpacked a moment ago is busy while any process that the daemon forked meanwhile still
    // has the descriptor that it was written through: until its exec, that is.
    const struct timespec pause = {.tv_nsec = 2000000};
    for (int attempt = 0; attempt < 100; attempt++) {
        execve(launch->path, launch->arguments, launch->environment);
        if (errno != ETXTBSY) break;
        nanosleep(&pause, NULL);
    }
failed:
    report->error = errno;
    _exit(127);
}

// fork(2) whose child starts in the cgroup: moving it later would wait for every processor.
static pid_t fork_into(int cgroup) {
    struct clone_args arguments = {.flags = CLONE_VFORK, .exit_signal = SIGCHLD};
    if (cgroup >= 0) {
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (uint64_t)cgroup;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    if (pid >= 0 || (errno != ENOSYS && errno != EINVAL)) return pid;
    // Kernels before 5.7, and containers that forbid clone3: the child moves itself.
    pid = (pid_t)syscall(SYS_clone, (unsigned long)(CLONE_VFORK | SIGCHLD), 0, 0, 0, 0);
    if (pid == 0 && cgroup >= 0) {
        int file = openat(cgroup, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (file < 0 || write(file, "0", 1) != 1) _exit(127);
        close(file);
    }
    return pid;
}

int32_t era_start(const struct era_launch *launch, int32_t *stage) {
    int cgroup = -1;
    if (launch->cgroup != NULL) {
        cgroup = open(launch->cgroup, O_PATH | O_DIRECTORY | O_CLOEXEC);
        *stage = ERA_STAGE_CGROUP;
        if (cgroup < 0) return -errno;
    }
    *stage = ERA_STAGE_FORK;
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    struct report *report = mmap(NULL, sizeof *report, PROT_READ | PROT_WRITE, flags, -1, 0);
    pid_t pid = report == MAP_FAILED ? -1 : fork_into(cgroup);
    int error = errno;
    if (pid == 0) become_workload(launch, report);
    if (cgroup >= 0) close(cgroup);
    if (report == MAP_FAILED) return -error;
    int32_t failed = pid < 0 ? error : report->error;
    *stage = pid < 0 ? ERA_STAGE_FORK : report->stage;
    munmap(report, sizeof *report);
    return failed != 0 ? -failed : pid;
}
