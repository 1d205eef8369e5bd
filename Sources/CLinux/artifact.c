#define _GNU_SOURCE
#include "artifact.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

int era_artifact_openat(int directory, const char *path, int flags, unsigned mode) {
    return openat(directory, path, flags, mode);
}

int era_artifact_clone(int to, int from) { return ioctl(to, FICLONE, from); }

int era_artifact_syncfs(int descriptor) { return syncfs(descriptor); }

int era_artifact_rename_noreplace(const char *from, const char *to) {
    return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

struct era_locale_change {
    locale_t mine;
    locale_t previous;
};

void *era_artifact_use_utf8(void) {
    struct era_locale_change *change = malloc(sizeof *change);
    if (change == NULL) return NULL;
    change->mine = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (change->mine == (locale_t)0) {
        free(change);
        return NULL;
    }
    change->previous = uselocale(change->mine);
    return change;
}

void era_artifact_restore_locale(void *previous) {
    struct era_locale_change *change = previous;
    if (change == NULL) return;
    uselocale(change->previous);
    freelocale(change->mine);
    free(change);
}

int era_artifact_set_attribute(int descriptor, const char *name, const void *value, size_t size) {
    return fsetxattr(descriptor, name, value, size, 0);
}
