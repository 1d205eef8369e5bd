#define _GNU_SOURCE
#include "poller.h"

#include <errno.h>
#include <stddef.h>
#include <sys/epoll.h>

enum { batch = 64 };

static int control(int poller, int operation, int descriptor, uint64_t token) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLONESHOT, .data = {.u64 = token}};
    return epoll_ctl(poller, operation, descriptor, &event);
}

int era_poller_open(void) { return epoll_create1(EPOLL_CLOEXEC); }

int era_poller_add(int poller, int descriptor, uint64_t token) {
    return control(poller, EPOLL_CTL_ADD, descriptor, token);
}

int era_poller_rearm(int poller, int descriptor, uint64_t token) {
    return control(poller, EPOLL_CTL_MOD, descriptor, token);
}

void era_poller_remove(int poller, int descriptor) { epoll_ctl(poller, EPOLL_CTL_DEL, descriptor, NULL); }

int era_poller_wait(int poller, uint64_t *tokens, int capacity) {
    struct epoll_event events[batch];
    int count;
    do count = epoll_wait(poller, events, capacity < batch ? capacity : batch, -1);
    while (count < 0 && errno == EINTR);
    for (int index = 0; index < count; index++) tokens[index] = events[index].data.u64;
    return count;
}
