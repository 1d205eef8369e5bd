#ifndef ERA_POLLER_H
#define ERA_POLLER_H

#include <stdint.h>

/// A new epoll instance, close-on-exec, or -1 and errno.
int era_poller_open(void);

/// Tells once when `descriptor` has input, or its other end is gone. Returns 0, or -1 and errno.
int era_poller_add(int poller, int descriptor, uint64_t token);

/// The same again, for one that was told. Returns 0, or -1 and errno.
int era_poller_rearm(int poller, int descriptor, uint64_t token);

/// Tells nothing more of it, though a child of ours may still have a copy open.
void era_poller_remove(int poller, int descriptor);

/// Waits for something to tell, and fills in what was given with it. Returns how many, or -1 and errno.
int era_poller_wait(int poller, uint64_t *tokens, int capacity);

#endif
