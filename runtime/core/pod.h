/* A sandbox whose guest is a network namespace that others made: what is known of it before its link is taken. */
#pragma once
#include "core/nameserver.h"

struct run_pod {
	int netns;           /* the pod's; closed once its link is taken, so that the pod can end */
	const char *link;    /* what the pod's link is called: "eth0" */
	uint8_t mac[6];      /* of it, and of the link in its place */
	uint32_t mtu;        /* likewise */
	struct addr_pod pod; /* whose resolvers are below */
	struct addr_gateway gateway;
	struct addr_prefix addr4, addr6; /* with the length that it was given; where the gateway has the family */
	struct addr resolvers[NAMESERVERS_MAX];
	struct nameserver servers[NAMESERVERS_MAX]; /* what the DNS proxy asks; none: the host's */
	size_t server_count;
	int ready; /* gets a struct pod_ready once the policy is in force */
};

/* What msb-cni remembers of pods: a file CONTAINER@LINK each; what has `:` in its name is beside one */
#define POD_DIRECTORY "/run/msb-cni"
size_t pod_count(void);

/* Does its runtime say which nameservers are asked, unless the policy does? */
static inline bool pod_names_servers(const struct run_pod *pod)
{
	return pod && pod->server_count > 0;
}

/* code 0: the policy is in force, and `supervisor` the process whose network namespace has the pod's former link; else what was wrong */
struct pod_ready {
	unsigned code;
	pid_t supervisor, launcher;
};
