#ifndef ERA_MEMORY_H
#define ERA_MEMORY_H

#include <stddef.h>

/// Lets at most `count` heaps serve all threads: each further one keeps memory of its own that is free.
void era_memory_limit_heaps(int count);

/// Gives the system back what the process holds and does not need: free memory of the heaps, and the pages of
/// program files that were mapped once, by start-up say. A page that is needed again comes back from the page cache.
void era_memory_release(void);

/// How many bytes of the process are in memory; 0 where nobody can tell (proc(5), statm).
size_t era_memory_resident(void);

#endif
