#pragma once

#include <stdint.h>
#include <sys/socket.h>
#include <netinet/in.h>

/// An address of IPv4 or IPv6 with its port.
struct era_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
    socklen_t length;
};

/// Reads a numeric address; a name is none. 0, or EINVAL.
int era_address_read(struct era_address *address, const char *host, uint16_t port);
