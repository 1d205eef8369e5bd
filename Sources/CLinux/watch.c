#include "watch.h"

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

int era_watch_open(void) { return inotify_init1(IN_NONBLOCK | IN_CLOEXEC); }

int era_watch_content(int inotify, const char *path, int follow) {
    unsigned mask = IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_ATTRIB |
        IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_EXCL_UNLINK;
    return inotify_add_watch(inotify, path, mask | (follow ? 0 : IN_DONT_FOLLOW));
}

int era_watch_entries(int inotify, const char *path) {
    unsigned mask = IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
    return inotify_add_watch(inotify, path, mask | IN_MASK_ADD);
}

void era_watch_remove(int inotify, int watch) { inotify_rm_watch(inotify, watch); }

long era_watch_read(int inotify, void *buffer, size_t size) {
    ssize_t count;
    do {
        count = read(inotify, buffer, size);
    } while (count < 0 && errno == EINTR);
    return count < 0 && errno == EAGAIN ? 0 : count;
}

int era_watch_next(const void *buffer, size_t size, size_t *offset, struct era_watch_event *event) {
    struct inotify_event header;
    if (size - *offset < sizeof header) return 0;
    const char *start = (const char *)buffer + *offset;
    memcpy(&header, start, sizeof header);
    if (size - *offset - sizeof header < header.len) return 0;
    *offset += sizeof header + header.len;
    unsigned mask = header.mask;
    event->watch = header.wd;
    event->overflow = (mask & IN_Q_OVERFLOW) != 0;
    event->lost = (mask & (IN_IGNORED | IN_UNMOUNT | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
    event->is_directory = (mask & IN_ISDIR) != 0;
    event->modified = (mask & IN_MODIFY) != 0;
    event->closed = (mask & IN_CLOSE_WRITE) != 0;
    event->moved_in = (mask & IN_MOVED_TO) != 0;
    event->created = (mask & IN_CREATE) != 0;
    event->vanished = (mask & (IN_MOVED_FROM | IN_DELETE)) != 0;
    event->attributes = (mask & IN_ATTRIB) != 0;
    // The kernel pads names with NUL, so that each ends in one.
    event->name = header.len > 0 ? start + sizeof header : NULL;
    return 1;
}
