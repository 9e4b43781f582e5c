/* The relay's sockets: each made in the namespace it belongs to. Functions that enter the host's namespace are back in the VM's
 * when they return; where they cannot get back, the process ends. Descriptors, or -errno. */
#pragma once
#include "base/address.h"
#include "netlink/sock_diag.h"
#include "relay/relay.h"

/* Who is at the other end. TCP sockets are gone at once when their process dies, and notice when the peer is gone; those
 * that a listener accepts have its options. */
enum relay_peer { RELAY_PEER_GUEST, RELAY_PEER_OUTSIDE };
/* For a peer on this machine, where nothing is to be gained from what paces its packets: the host's default may (BBR) */
void relay_socket_unpaced(int fd);
/* For asking whose a socket of the host's namespace is; NULL where the kernel does not tell */
struct nl *relay_socket_diag(const struct relay_start *);
/* Published: bound in the host's namespace. *port gets the system's choice where it is 0. */
int relay_socket_publish(const struct relay_start *, int type, struct addr bind, uint16_t *port);
/* What TPROXY hands on to that port, in the VM's namespace */
int relay_socket_transparent(int family, int type, uint16_t port);
/* Connected, or on its way; to the guest from the VM's namespace */
int relay_socket_to_guest(int type, struct addr guest, uint16_t port);
/* TCP to where the guest wanted, from the VM's namespace: connected, or on its way; the packet filter knows it by its mark */
int relay_socket_outside(struct addr from, struct addr to, uint16_t port, uint32_t mark);
/* To the host's loopback, of that family first, from the host's namespace; -ECONNREFUSED where nothing listens */
int relay_socket_to_host(const struct relay_start *, int type, enum addr_family, uint16_t port);
/* UDP, bound to the gateway's address and the port asked, connected to the guest: what answers it */
int relay_socket_as_gateway(struct addr gateway, uint16_t port, struct addr guest, uint16_t guest_port);
