#ifndef ERA_FILES_H
#define ERA_FILES_H

#include <stddef.h>

/// openat(2), whose variable arguments Swift cannot pass; close-on-exec. Returns the descriptor, or -1 and errno.
int era_open_at(int directory, const char *path, int flags, unsigned mode);

/// Opens what `path` names below `directory`, following symbolic links only while they stay below it.
///
/// openat2(2) with RESOLVE_BENEATH where the kernel has it; else the opened file's place is checked afterwards.
/// Returns the descriptor, or -1 and errno: EXDEV where the path leaves the directory.
int era_open_beneath(int directory, const char *path, int flags);

/// The same with O_PATH: a handle to ask what the file is, without opening it as such.
int era_find_beneath(int directory, const char *path);

/// Removes the file or the whole directory `name` in `directory`, following no symbolic link and entering
/// no mount point. Bounded in descriptors and stack, whatever the depth.
///
/// Returns 0, also when there is nothing; or -1 and errno, and the last component that resisted in `culprit`.
/// EBUSY: something is mounted there.
int era_remove_tree(int directory, const char *name, char *culprit, size_t culprit_size);

/// Whether a socket can be bound to a port now: 0, or the errno of what refused it.
///
/// TCP with SO_REUSEADDR, as servers bind; the socket never listens, so that no client can meet it.
/// `host` is an IPv4 or IPv6 address; EINVAL where it is neither.
int era_try_bind(const char *host, unsigned short port, int is_udp);

#endif
