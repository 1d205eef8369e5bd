#define _GNU_SOURCE
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Children of vfork share our memory until exec, and our thread sleeps meanwhile; so they touch nothing but what is
// here.

struct plan {
    /// Executed by descriptor; -1 for by path.
    int program;
    const char *path;
    char *const *arguments;
    char *const *environment;
    const char *directory;
    /// They become `first` and those after it; what lies below `first` becomes /dev/null.
    const int *descriptors;
    int count;
    int first;
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

static void close_from(unsigned first, int except) {
    int failed = except < 0 ? syscall(SYS_close_range, first, ~0u, 0) != 0
                            : syscall(SYS_close_range, first, (unsigned)except - 1, 0) != 0 ||
                                  syscall(SYS_close_range, (unsigned)except + 1, ~0u, 0) != 0;
    if (!failed) return;
    // Kernels before 5.9.
    long limit = sysconf(_SC_OPEN_MAX);
    for (long number = first; number < limit; number++)
        if (number != except) close((int)number);
}

/// Returns the descriptor to execute, -1 for by path; or -2 and errno.
static int arrange_descriptors(const struct plan *plan) {
    enum { parking = 128, most = 80 };
    int parked[most];
    if (plan->count > most) {
        errno = EMFILE;
        return -2;
    }
    for (int index = 0; index < plan->count; index++) {
        parked[index] = fcntl(plan->descriptors[index], F_DUPFD, parking);
        if (parked[index] < 0) {
            // RLIMIT_NOFILE lies below the parking place: too few descriptors as well.
            if (errno == EINVAL) errno = EMFILE;
            return -2;
        }
    }
    int program = -1;
    if (plan->program >= 0) {
        program = fcntl(plan->program, F_DUPFD_CLOEXEC, parking);
        if (program < 0) return -2;
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return -2;
    for (int number = 0; number < plan->first; number++)
        if (dup2(null, number) < 0) return -2;
    for (int index = 0; index < plan->count; index++)
        if (dup2(parked[index], plan->first + index) < 0) return -2;
    close_from((unsigned)(plan->first + plan->count), program);
    return program;
}

static _Noreturn void become(const struct plan *plan, volatile int *error) {
    reset_signals();
    setsid();
    umask(077);
    int program = arrange_descriptors(plan);
    if (program >= 0 && chdir(plan->directory) == 0)
        syscall(SYS_execveat, program, "", plan->arguments, plan->environment, AT_EMPTY_PATH);
    else if (program == -1 && chdir(plan->directory) == 0)
        execve(plan->path, plan->arguments, plan->environment);
    *error = errno;
    _exit(127);
}

/// Two vforks: the first child makes the program an orphan, so that nobody waits for it and it outlives us.
static _Noreturn void orphan(const struct plan *plan, volatile int *error) {
    pid_t child = vfork();
    if (child == 0) become(plan, error);
    if (child < 0) *error = errno;
    _exit(0);
}

static int start(const struct plan *plan, pid_t *kept) {
    volatile int error = 0;
    sigset_t all, before;
    sigfillset(&all);
    // A handler of ours must not run in a child that shares our memory.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = vfork();
    if (child == 0) {
        if (kept != NULL) become(plan, &error);
        orphan(plan, &error);
    }
    if (child < 0) error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child > 0 && (kept == NULL || error != 0))
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    if (kept != NULL) *kept = child;
    return error;
}

int era_spawn_detached(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count) {
    const struct plan plan = {-1, path, arguments, environment, "/", descriptors, count, 3};
    return start(&plan, NULL);
}

int era_spawn_child(
    int program, const char *path, char *const arguments[], char *const environment[], const char *directory,
    const int streams[3], pid_t *child) {
    const struct plan plan = {program, path, arguments, environment, directory, streams, 3, 0};
    return start(&plan, child);
}
