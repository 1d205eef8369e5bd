#ifndef ERA_NETWORK_H
#define ERA_NETWORK_H

#include <stdint.h>

/// Makes a network namespace, with its loopback up, that lasts as long as somebody has a descriptor of it or a process
/// in it. Our own stays what it is. Returns the descriptor, closed on exec; or -1 and errno.
int era_network_namespace(void);

/// Whether a bridge can be made, tried in a namespace that is gone again: 0, or the errno of what refused it.
int era_network_try_bridge(void);

/// Makes the bridge `name`, with an IPv4 address and mask in the host's byte order, and puts it up; one that is there is
/// fine. It keeps its hardware address, whatever is put on it. Returns 0, or an errno.
int era_network_make_bridge(const char *name, uint32_t address, uint32_t mask);

/// The IPv4 address of an interface, in the host's byte order; 0 where there is none.
uint32_t era_network_address(const char *name);

/// Removes the bridge `name`; none is fine. Returns 0, or an errno.
int era_network_remove_bridge(const char *name);

/// Binds a port that others then cannot have, whatever their options, and where nobody is listened to: who connects is
/// refused. Closed on exec. Returns the socket, or -1 and errno; EINVAL when `host` is not an address.
int era_network_hold_port(const char *host, uint16_t port, int is_udp);

/// Makes of a socket that listens one that only holds its port. Returns 0, or -1 and errno.
int era_network_hold(int listener);

/// Makes of such a socket, or of one that listens, one that listens; a UDP socket stays what it is. Returns 0, or -1
/// and errno.
int era_network_listen(int holder);

#endif
