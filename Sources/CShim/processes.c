#define _GNU_SOURCE
#include "cshim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Reads a small file of /proc as text. Returns its length, or -1.
static ssize_t read_text(const char *path, char *text, size_t size) {
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    ssize_t length = read(file, text, size - 1);
    close(file);
    if (length >= 0) text[length] = 0;
    return length;
}

// The text of /proc/PID/stat from field 3 on: the name before it may hold blanks and parentheses.
static const char *stat_fields(int32_t pid, char *text, size_t size) {
    char path[40];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_text(path, text, size) <= 0) return NULL;
    char *end = strrchr(text, ')');
    return end == NULL || end[1] != ' ' ? NULL : end + 2;
}

uint64_t era_start_time(int32_t pid) {
    char text[512];
    const char *field = stat_fields(pid, text, sizeof text);
    for (int number = 3; field != NULL && number < 22; number++) {
        field = strchr(field, ' ');
        if (field != NULL) field++;
    }
    return field == NULL ? 0 : strtoull(field, NULL, 10);
}

int32_t era_reap(int32_t *code, int32_t *signal) {
    int status;
    pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid < 0) return -errno;
    if (pid > 0) {
        *signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        *code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    return pid;
}

int32_t era_signal_group(int32_t group, int32_t signal) { return kill(-group, signal) == 0 ? 0 : -errno; }
int32_t era_signal(int32_t pid, int32_t signal) { return kill(pid, signal) == 0 ? 0 : -errno; }

struct directory_entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

// For kernels without CONFIG_PROC_CHILDREN: asks every process for its parent.
static int32_t children_by_scan(int32_t *list, int32_t capacity) {
    int32_t self = getpid(), count = 0;
    int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return 0;
    char entries[4096] __attribute__((aligned(8)));
    long length;
    while ((length = syscall(SYS_getdents64, directory, entries, sizeof entries)) > 0) {
        for (long position = 0; position < length;) {
            struct directory_entry *entry = (struct directory_entry *)(entries + position);
            position += entry->length;
            int32_t pid = atoi(entry->name);
            char text[512];
            const char *field = pid > 0 ? stat_fields(pid, text, sizeof text) : NULL;
            if (field != NULL && atoi(field + 2) == self && count < capacity) list[count++] = pid;
        }
    }
    close(directory);
    return count;
}

int32_t era_children(int32_t *list, int32_t capacity) {
    char path[64], text[2048];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return children_by_scan(list, capacity);
    int32_t count = 0, pid = 0;
    ssize_t length;
    while ((length = read(file, text, sizeof text)) > 0) {
        for (ssize_t index = 0; index < length; index++) {
            char byte = text[index];
            if (byte >= '0' && byte <= '9') {
                pid = pid * 10 + (byte - '0');
            } else {
                if (pid > 0 && count < capacity) list[count++] = pid;
                pid = 0;
            }
        }
    }
    close(file);
    return count;
}

// The number in the file, if it is that of a child of ours; else 0.
static int32_t own_child(const char *pid_file) {
    char text[512];
    if (read_text(pid_file, text, 32) <= 0) return 0;
    char *end = NULL;
    long pid = strtol(text, &end, 10);
    if (pid <= 1 || pid > INT32_MAX || (*end != 0 && *end != '\n')) return 0;
    const char *field = stat_fields((int32_t)pid, text, sizeof text);
    return field != NULL && atoi(field + 2) == getpid() ? (int32_t)pid : 0;
}

int32_t era_await_launcher(int32_t launcher, const char *pid_file, int32_t *code) {
    int status = 0;
    pid_t result;
    while ((result = waitpid(launcher, &status, 0)) < 0 && errno == EINTR) {}
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    int32_t workload = result == launcher && *code == 0 ? own_child(pid_file) : 0;
    if (workload > 0) return workload;
    int32_t list[64], count;
    while ((count = era_children(list, 64)) > 0) {
        for (int32_t index = 0; index < count; index++) kill(list[index], SIGKILL);
        if (waitpid(-1, NULL, 0) < 0 && errno != EINTR) break;
    }
    return -EPROTO;
}
