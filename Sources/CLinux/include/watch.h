#ifndef ERA_WATCH_H
#define ERA_WATCH_H

#include <stddef.h>

/// One event of inotify(7), in the words of a source.
struct era_watch_event {
    /// Which watch; -1 for an overflow.
    int watch;
    /// What is in the kernel's mask.
    unsigned overflow : 1, lost : 1, is_directory : 1, modified : 1, closed : 1, moved_in : 1, created : 1,
        vanished : 1, attributes : 1;
    /// The name in the watched directory; NULL where the event is about the directory itself.
    const char *name;
};

/// A new inotify instance, non-blocking and close-on-exec, or -1 and errno.
int era_watch_open(void);

/// Watches a directory for everything that concerns the manifests in it. Returns the watch, or -1 and errno.
int era_watch_content(int inotify, const char *path, int follow);

/// Watches a directory for the coming and going of its entries.
int era_watch_entries(int inotify, const char *path);

/// Ends a watch; one that is gone is fine.
void era_watch_remove(int inotify, int watch);

/// Reads waiting events. Returns their size in bytes, 0 where none waits, or -1 and errno.
long era_watch_read(int inotify, void *buffer, size_t size);

/// The event at `*offset` of a buffer that holds `size` bytes; moves the offset on. Returns 0 at the end.
int era_watch_next(const void *buffer, size_t size, size_t *offset, struct era_watch_event *event);

#endif
