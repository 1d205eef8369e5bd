#define _GNU_SOURCE
#include "cshim.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

// Programs in a user namespace: how a user who is not root is root of files and containers of its own.

extern char **environ;

// EX_TEMPFAIL of sysexits.h: what the host lacks is there again later, so that nobody takes it for a refusal.
enum { failed = 125, busy = 75, word_limit = 64 };

static int give_up(const char *what, const char *subject) {
    int code = errno == EAGAIN || errno == ENOMEM ? busy : failed;
    dprintf(2, "era-shim: cannot %s %s: %s\n", what, subject, strerror(errno));
    return code;
}

static int write_map(const char *path, const char *text) {
    int file = open(path, O_WRONLY | O_CLOEXEC);
    ssize_t written = file < 0 ? -1 : write(file, text, strlen(text));
    return written < 0 ? give_up("write", path) : 0;
}

// Runs `TOOL NUMBER…` with the process after the tool's name.
static int run_tool(char *text, pid_t process) {
    char *words[word_limit + 3], digits[16];
    int count = 0;
    snprintf(digits, sizeof digits, "%d", process);
    for (char *word = strtok(text, " "); word != NULL && count < word_limit; word = strtok(NULL, " ")) {
        words[count++] = word;
        if (count == 1) words[count++] = digits;
    }
    words[count] = NULL;
    pid_t tool = fork();
    if (tool == 0) {
        execve(words[0], words, environ);
        _exit(give_up("run", words[0]));
    }
    int status = failed;
    if (tool < 0 || waitpid(tool, &status, 0) != tool) return give_up("run", words[0]);
    return !WIFEXITED(status) ? busy : WEXITSTATUS(status);
}

// A range takes a program with privileges, which has to be outside: it waits there until we are inside.
static int map_by_tools(char *users, char *groups) {
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0) return give_up("make", "a pipe");
    pid_t process = getpid(), helper = fork();
    if (helper == 0) {
        char byte;
        close(gate[1]);
        if (read(gate[0], &byte, 1) != 1) _exit(failed);
        int code = run_tool(users, process);
        _exit(code != 0 ? code : run_tool(groups, process));
    }
    close(gate[0]);
    if (helper < 0) return give_up("fork", "a helper");
    int code = unshare(CLONE_NEWUSER) == 0 ? 0 : give_up("make", "a user namespace");
    if (code == 0 && write(gate[1], "", 1) != 1) code = failed;
    close(gate[1]);
    int status = failed;
    if (waitpid(helper, &status, 0) != helper) return failed;
    // Where there is no namespace the helper had nothing to map.
    if (code == 0 && status != 0) code = WIFEXITED(status) && WEXITSTATUS(status) != busy ? failed : busy;
    // Groups of the host give nothing inside.
    if (code == 0 && syscall(SYS_setgroups, (size_t)0, NULL) != 0) code = give_up("leave", "further groups");
    return code;
}

static int map_one(const char *users, const char *groups) {
    if (unshare(CLONE_NEWUSER) != 0) return give_up("make", "a user namespace");
    // Without this the kernel takes no map of groups from us (user_namespaces(7)).
    int code = write_map("/proc/self/setgroups", "deny");
    if (code == 0) code = write_map("/proc/self/uid_map", users);
    return code != 0 ? code : write_map("/proc/self/gid_map", groups);
}

static int mount_overlay(const char *target, const char *options) {
    if (unshare(CLONE_NEWNS) != 0) return give_up("make", "a mount namespace");
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0) return give_up("keep to ourselves", "mounts");
    return mount("overlay", target, "overlay", 0, options) == 0 ? 0 : give_up("mount an overlay at", target);
}

static int run(char **words) {
    if (words[0] == NULL) return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return give_up("give up", "new privileges");
    execve(words[0], words, environ);
    return give_up("run", words[0]);
}

int32_t era_run_within(char **words) {
    for (int index = 0; index < 4; index++)
        if (words[index] == NULL) return failed;
    int code = words[0][0] == '/' ? map_by_tools(words[0], words[1]) : map_one(words[0], words[1]);
    if (code == 0 && words[2][0] != 0) code = mount_overlay(words[2], words[3]);
    return code != 0 ? code : run(words + 4);
}

int32_t era_run_inside(char **words) {
    if (words[0] == NULL) return failed;
    char path[64];
    snprintf(path, sizeof path, "/proc/%s/ns/user", words[0]);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0 || setns(descriptor, CLONE_NEWUSER) != 0) return give_up("enter", path);
    close(descriptor);
    // Fails where the namespace has a single group, and nothing can be given up there.
    syscall(SYS_setgroups, (size_t)0, NULL);
    return run(words + 1);
}
