#define _GNU_SOURCE
#include "network.h"

#include "spawn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

struct work {
    int tries_bridge;
    int descriptor;
    int error;
};

static int control_socket(void) { return socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0); }

static struct ifreq request(const char *name) {
    struct ifreq request;
    memset(&request, 0, sizeof request);
    strncpy(request.ifr_name, name, IFNAMSIZ - 1);
    return request;
}

static int set_up(int control, const char *name, int is_up) {
    struct ifreq asked = request(name);
    if (ioctl(control, SIOCGIFFLAGS, &asked) != 0) return -1;
    if (is_up) asked.ifr_flags |= IFF_UP;
    else asked.ifr_flags &= (short)~IFF_UP;
    return ioctl(control, SIOCSIFFLAGS, &asked);
}

// A namespace belongs to a thread: this one ends with it, and no other thread ever sees it.
static void *in_new_namespace(void *context) {
    struct work *work = context;
    int control = -1;
    if (unshare(CLONE_NEWNET) != 0 || (control = control_socket()) < 0 || set_up(control, "lo", 1) != 0) goto failed;
    if (work->tries_bridge && ioctl(control, SIOCBRADDBR, "era-try") != 0) goto failed;
    work->descriptor = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    if (work->descriptor >= 0) goto done;
failed:
    work->error = errno;
done:
    if (control >= 0) close(control);
    return NULL;
}

static struct work work_in_new_namespace(int tries_bridge) {
    struct work work = {.tries_bridge = tries_bridge, .descriptor = -1};
    pthread_t thread;
    work.error = pthread_create(&thread, NULL, in_new_namespace, &work);
    if (work.error == 0) pthread_join(thread, NULL);
    return work;
}

int era_network_namespace(void) {
    struct work work = work_in_new_namespace(0);
    errno = work.error;
    return work.descriptor;
}

int era_network_try_bridge(void) {
    struct work work = work_in_new_namespace(1);
    if (work.descriptor >= 0) close(work.descriptor);
    return work.error;
}

static int set_address(int control, const char *name, unsigned long call, uint32_t value) {
    struct ifreq asked = request(name);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(value)};
    memcpy(&asked.ifr_addr, &address, sizeof address);
    return ioctl(control, call, &asked);
}

uint32_t era_network_address(const char *name) {
    int control = control_socket();
    if (control < 0) return 0;
    struct ifreq asked = request(name);
    struct sockaddr_in address = {.sin_family = AF_UNSPEC};
    if (ioctl(control, SIOCGIFADDR, &asked) == 0) memcpy(&address, &asked.ifr_addr, sizeof address);
    close(control);
    return address.sin_family == AF_INET ? ntohl(address.sin_addr.s_addr) : 0;
}

static int configure_bridge(int control, const char *name, uint32_t address, uint32_t mask) {
    if (era_network_address(name) != address) {
        // Down, so that no route is made for the mask that comes with the address by itself.
        if (set_up(control, name, 0) != 0) return -1;
        if (set_address(control, name, SIOCSIFADDR, address) != 0) return -1;
    }
    if (set_address(control, name, SIOCSIFNETMASK, mask) != 0) return -1;
    // Set by somebody it stays; else it is the lowest of those on the bridge, and changes as they come and go.
    struct ifreq asked = request(name);
    if (ioctl(control, SIOCGIFHWADDR, &asked) != 0 || ioctl(control, SIOCSIFHWADDR, &asked) != 0) return -1;
    return set_up(control, name, 1);
}

int era_network_make_bridge(const char *name, uint32_t address, uint32_t mask) {
    int control = control_socket();
    if (control < 0) return errno;
    int failed = ioctl(control, SIOCBRADDBR, name) != 0 && errno != EEXIST;
    int error = failed || configure_bridge(control, name, address, mask) != 0 ? errno : 0;
    close(control);
    return error;
}

int era_network_remove_bridge(const char *name) {
    int control = control_socket();
    if (control < 0) return errno;
    int error = 0;
    if (set_up(control, name, 0) != 0 || ioctl(control, SIOCBRDELBR, name) != 0) error = errno;
    close(control);
    return error == ENODEV || error == ENXIO ? 0 : error;
}

static int is_stream(int descriptor) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(descriptor, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int era_network_hold(int listener) {
    int no = 0;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &no, sizeof no) != 0) return -1;
    if (!is_stream(listener)) return 0;
    // Linux lets go of the connections and keeps the port (inet_shutdown).
    return shutdown(listener, SHUT_RD);
}

int era_network_listen(int holder) {
    enum { backlog = 4096 };
    int yes = 1;
    if (!is_stream(holder)) return 0;
    // Else connections of a minute ago stand in its way.
    if (setsockopt(holder, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0) return -1;
    return listen(holder, backlog);
}

// Who binds with SO_REUSEADDR and does not listen shares the port with others who do so; who binds without it has to
// wait for connections of a minute ago. So it listens first, for an instant: that is refused nobody, and shared with
// nobody.
int era_network_hold_port(const char *host, uint16_t port, int is_udp) {
    int descriptor = era_spawn_listen(host, port, is_udp);
    if (descriptor < 0 || era_network_hold(descriptor) == 0) return descriptor;
    int error = errno;
    close(descriptor);
    errno = error;
    return -1;
}
