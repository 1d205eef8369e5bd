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

// Two vforks: the first child makes the program an orphan, so that nobody waits for it and it outlives us. Both
// share our memory until exec, and our thread sleeps meanwhile; so they touch nothing but what is here.

struct plan {
    const char *path;
    char *const *arguments;
    char *const *environment;
    const int *descriptors;
    int count;
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

static void close_from(unsigned first) {
    if (syscall(SYS_close_range, first, ~0u, 0) == 0) return;
    // Kernels before 5.9.
    long limit = sysconf(_SC_OPEN_MAX);
    for (long number = first; number < limit; number++) close((int)number);
}

static int arrange_descriptors(const struct plan *plan) {
    enum { parking = 128, most = 80 };
    int parked[most];
    if (plan->count > most) {
        errno = EMFILE;
        return -1;
    }
    for (int index = 0; index < plan->count; index++) {
        parked[index] = fcntl(plan->descriptors[index], F_DUPFD, parking);
        if (parked[index] < 0) {
            // RLIMIT_NOFILE lies below the parking place: too few descriptors as well.
            if (errno == EINVAL) errno = EMFILE;
            return -1;
        }
    }
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) return -1;
    for (int number = 0; number < 3; number++)
        if (dup2(null, number) < 0) return -1;
    for (int index = 0; index < plan->count; index++)
        if (dup2(parked[index], 3 + index) < 0) return -1;
    close_from(3u + (unsigned)plan->count);
    return 0;
}

static _Noreturn void become(const struct plan *plan, volatile int *error) {
    reset_signals();
    setsid();
    umask(077);
    if (arrange_descriptors(plan) == 0 && chdir("/") == 0)
        execve(plan->path, plan->arguments, plan->environment);
    *error = errno;
    _exit(127);
}

static _Noreturn void orphan(const struct plan *plan, volatile int *error) {
    pid_t child = vfork();
    if (child == 0) become(plan, error);
    if (child < 0) *error = errno;
    _exit(0);
}

int era_spawn_detached(
    const char *path, char *const arguments[], char *const environment[], const int *descriptors, int count) {
    const struct plan plan = {path, arguments, environment, descriptors, count};
    volatile int error = 0;
    sigset_t all, before;
    sigfillset(&all);
    // A handler of ours must not run in a child that shares our memory.
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t child = vfork();
    if (child == 0) orphan(&plan, &error);
    if (child < 0) error = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (child > 0)
        while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {}
    return error;
}
