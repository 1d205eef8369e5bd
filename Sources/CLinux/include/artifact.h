#ifndef ERA_ARTIFACT_H
#define ERA_ARTIFACT_H

#include <stddef.h>

/// openat(2), whose variable arguments Swift cannot pass. Returns the descriptor, or -1 and errno.
int era_artifact_openat(int directory, const char *path, int flags, unsigned mode);

/// Makes the empty file `to` share the blocks of `from` (FICLONE). Returns 0, or -1 and errno.
int era_artifact_clone(int to, int from);

/// syncfs(2): everything that was written to the file system of `descriptor` is on disk afterwards.
int era_artifact_syncfs(int descriptor);

/// renameat2(2) with RENAME_NOREPLACE: fails with EEXIST where `to` is there already.
int era_artifact_rename_noreplace(const char *from, const char *to);

/// fsetxattr(2), which Swift does not see. Returns 0, or -1 and errno.
int era_artifact_set_attribute(int descriptor, const char *name, const void *value, size_t size);

/// Makes UTF-8 the character set of this thread; libarchive asks the locale what a name means.
/// Returns what `era_artifact_restore_locale` needs, or NULL where there is no such locale.
void *era_artifact_use_utf8(void);

/// Gives the thread back the locale that it had before `era_artifact_use_utf8`.
void era_artifact_restore_locale(void *previous);

#endif
