#define _GNU_SOURCE
#include "cshim.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct era_poll) == sizeof(struct pollfd), "era_poll is a pollfd");
_Static_assert(offsetof(struct era_poll, happened) == offsetof(struct pollfd, revents), "era_poll is a pollfd");
_Static_assert(ERA_READABLE == POLLIN, "ERA_READABLE is POLLIN");
_Static_assert(ERA_EAGAIN == EAGAIN && ERA_ECHILD == ECHILD && ERA_EINTR == EINTR, "errno values");

static int64_t result(int64_t value) { return value < 0 ? -errno : value; }

int32_t era_shim_setup(void) {
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return -errno;
    // Only the control socket gives orders: a signal meant for a whole session must not orphan the workload.
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ};
    for (unsigned index = 0; index < sizeof ignored / sizeof *ignored; index++) signal(ignored[index], SIG_IGN);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    if (sigprocmask(SIG_SETMASK, &set, NULL) != 0) return -errno;
    return (int32_t)result(signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
}

void era_drain_signals(int32_t descriptor) {
    struct signalfd_siginfo record;
    while (read(descriptor, &record, sizeof record) > 0) {}
}

uint8_t *era_map(int32_t descriptor, int64_t *size) {
    struct stat status;
    if (fstat(descriptor, &status) != 0 || status.st_size <= 0) return NULL;
    void *bytes = mmap(NULL, (size_t)status.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
    if (bytes == MAP_FAILED) return NULL;
    *size = status.st_size;
    return bytes;
}

void era_unmap(uint8_t *bytes, int64_t size) { munmap(bytes, (size_t)size); }

void era_close(int32_t descriptor) {
    if (descriptor >= 0) close(descriptor);
}

int64_t era_read(int32_t descriptor, void *bytes, int64_t size) {
    return result(read(descriptor, bytes, (size_t)size));
}

int64_t era_write(int32_t descriptor, const void *bytes, int64_t size) {
    return result(write(descriptor, bytes, (size_t)size));
}

int32_t era_wait_for(struct era_poll *list, int32_t count, int32_t timeout_milliseconds) {
    return (int32_t)result(poll((struct pollfd *)list, (nfds_t)count, timeout_milliseconds));
}

int32_t era_pid(void) { return getpid(); }

int64_t era_uptime(void) {
    struct timespec now;
    clock_gettime(CLOCK_BOOTTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int64_t era_wall_time(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}
