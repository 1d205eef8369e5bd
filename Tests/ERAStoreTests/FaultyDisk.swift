import Glibc
import Testing

/// A library that is loaded before the C library and fails the calls that reach the disk, when told to.
///
/// Why so: a device that fails flushes needs root and a device mapper, which containers do not have; SQLite's
/// own table of system calls leaves out `fsync`. Between the program and the C library everything above is
/// real: the store, GRDB, the host's SQLite, and the order of their calls.
///
/// It also keeps what a power cut would leave: for each file under `FAULTY_DISK` a copy in
/// `FAULTY_DISK_IMAGE`, to which the bytes that were written go with the flush that succeeds. A flush that
/// fails drops them, as Linux does: it marks the pages clean, and the next flush succeeds without them
/// (Rebello et al., "Can applications recover from fsync failures?", USENIX ATC 2020). Truncation and removal
/// are durable at once, which is the harder case.
enum FaultyDisk {
    /// Whether this process was started with the library.
    static var isLoaded: Bool { dlsym(nil, "faulty_disk") != nil }

    enum Call: String { case read, write, sync, open }

    /// From now on a call fails with an `errno`, or works again with 0.
    ///
    /// - Parameter offset: Reads of earlier places in the file go on working.
    static func fail(_ call: Call, _ code: Int32, from offset: Int = 0) throws {
        typealias Control = @convention(c) (UnsafePointer<CChar>, Int32, Int) -> Void
        let symbol = try #require(dlsym(nil, "faulty_disk"))
        // The type is that of the function in the source below.
        unsafeBitCast(symbol, to: Control.self)(call.rawValue, code, offset)
    }

    static let source = """
        #define _GNU_SOURCE
        #include <dlfcn.h>
        #include <errno.h>
        #include <fcntl.h>
        #include <limits.h>
        #include <pthread.h>
        #include <stdarg.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include <string.h>
        #include <sys/stat.h>
        #include <unistd.h>

        static struct { int read, write, sync, open; off_t from; } faults;
        static struct range { char *path; off_t offset; size_t length; } *ranges;
        static size_t count, room;
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

        void faulty_disk(const char *call, int code, long from) {
            faults.from = from;
            if (!strcmp(call, "read")) faults.read = code;
            if (!strcmp(call, "write")) faults.write = code;
            if (!strcmp(call, "sync")) faults.sync = code;
            if (!strcmp(call, "open")) faults.open = code;
        }

        #define REAL(name, result, ...) \\
            static result (*real)(__VA_ARGS__); \\
            if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

        static int under(const char *path) {
            const char *root = getenv("FAULTY_DISK");
            return root && path && !strncmp(path, root, strlen(root));
        }

        static int meant(int file, char *path) {
            char link[64];
            snprintf(link, sizeof link, "/proc/self/fd/%d", file);
            ssize_t length = readlink(link, path, PATH_MAX - 1);
            if (length < 0) return 0;
            path[length] = 0;
            return under(path);
        }

        static void image(const char *path, char *copy) {
            const char *slash = strrchr(path, '/');
            snprintf(copy, PATH_MAX, "%s/%s", getenv("FAULTY_DISK_IMAGE"), slash ? slash + 1 : path);
        }

        static void remember(const char *path, off_t offset, ssize_t length) {
            if (length <= 0) return;
            pthread_mutex_lock(&lock);
            if (count == room) ranges = realloc(ranges, (room = room ? 2 * room : 64) * sizeof *ranges);
            ranges[count++] = (struct range){strdup(path), offset, (size_t)length};
            pthread_mutex_unlock(&lock);
        }

        /* A flush is over: the ranges of the file are durable, or they are lost. */
        static void settle(int file, const char *path, int isDurable) {
            REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
            ssize_t (*real_read)(int, void *, size_t, off_t) =
                (ssize_t (*)(int, void *, size_t, off_t))dlsym(RTLD_NEXT, "pread");
            int (*real_open)(const char *, int, ...) =
                (int (*)(const char *, int, ...))dlsym(RTLD_NEXT, "open");
            char copy[PATH_MAX];
            image(path, copy);
            int target = -1;
            if (isDurable) target = real_open(copy, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
            pthread_mutex_lock(&lock);
            size_t kept = 0;
            for (size_t index = 0; index < count; index++) {
                struct range range = ranges[index];
                if (strcmp(range.path, path)) { ranges[kept++] = range; continue; }
                if (target >= 0) {
                    char *bytes = malloc(range.length);
                    ssize_t got = real_read(file, bytes, range.length, range.offset);
                    if (got > 0) real(target, bytes, (size_t)got, range.offset);
                    free(bytes);
                }
                free(range.path);
            }
            count = kept;
            pthread_mutex_unlock(&lock);
            if (target >= 0) close(target);
        }

        int open(const char *path, int flags, ...) {
            REAL("open", int, const char *, int, ...);
            va_list list;
            va_start(list, flags);
            mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;
            va_end(list);
            if (faults.open && (flags & O_ACCMODE) != O_RDONLY && under(path)) {
                errno = faults.open;
                return -1;
            }
            return real(path, flags, mode);
        }
        int open64(const char *path, int flags, ...) {
            va_list list;
            va_start(list, flags);
            mode_t mode = (flags & (O_CREAT | O_TMPFILE)) ? va_arg(list, mode_t) : 0;
            va_end(list);
            return open(path, flags, mode);
        }

        static int sync_file(const char *name, int file) {
            int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
            char path[PATH_MAX];
            struct stat status;
            if (!meant(file, path) || fstat(file, &status) || !S_ISREG(status.st_mode)) return real(file);
            if (faults.sync) {
                settle(file, path, 0);
                errno = faults.sync;
                return -1;
            }
            int result = real(file);
            settle(file, path, result == 0);
            return result;
        }
        int fsync(int file) { return sync_file("fsync", file); }
        int fdatasync(int file) { return sync_file("fdatasync", file); }

        #define FAIL(kind, condition) \\
            if (faults.kind && (condition)) { errno = faults.kind; return -1; }

        ssize_t write(int file, const void *bytes, size_t length) {
            REAL("write", ssize_t, int, const void *, size_t);
            char path[PATH_MAX];
            if (file < 3 || !meant(file, path)) return real(file, bytes, length);
            FAIL(write, 1)
            off_t offset = lseek(file, 0, SEEK_CUR);
            ssize_t result = real(file, bytes, length);
            remember(path, offset, result);
            return result;
        }
        ssize_t pwrite(int file, const void *bytes, size_t length, off_t offset) {
            REAL("pwrite", ssize_t, int, const void *, size_t, off_t);
            char path[PATH_MAX];
            if (!meant(file, path)) return real(file, bytes, length, offset);
            FAIL(write, 1)
            ssize_t result = real(file, bytes, length, offset);
            remember(path, offset, result);
            return result;
        }
        ssize_t pwrite64(int file, const void *bytes, size_t length, off_t offset) {
            return pwrite(file, bytes, length, offset);
        }
        ssize_t read(int file, void *bytes, size_t length) {
            REAL("read", ssize_t, int, void *, size_t);
            char path[PATH_MAX];
            FAIL(read, meant(file, path) && lseek(file, 0, SEEK_CUR) >= faults.from)
            return real(file, bytes, length);
        }
        ssize_t pread(int file, void *bytes, size_t length, off_t offset) {
            REAL("pread", ssize_t, int, void *, size_t, off_t);
            char path[PATH_MAX];
            FAIL(read, meant(file, path) && offset >= faults.from)
            return real(file, bytes, length, offset);
        }
        ssize_t pread64(int file, void *bytes, size_t length, off_t offset) {
            return pread(file, bytes, length, offset);
        }
        int ftruncate(int file, off_t length) {
            REAL("ftruncate", int, int, off_t);
            char path[PATH_MAX], copy[PATH_MAX];
            int isMeant = meant(file, path);
            FAIL(write, isMeant)
            int result = real(file, length);
            if (isMeant && result == 0) {
                image(path, copy);
                struct stat status;
                if (stat(copy, &status) == 0 && status.st_size > length) result = truncate(copy, length);
            }
            return result;
        }
        int ftruncate64(int file, off_t length) { return ftruncate(file, length); }
        int unlink(const char *path) {
            REAL("unlink", int, const char *);
            char copy[PATH_MAX];
            if (!under(path)) return real(path);
            FAIL(write, 1)
            image(path, copy);
            real(copy);
            return real(path);
        }
        """
}
