/* Which tagged packets came to a socket, told in bulk: a program in the kernel notes each one's number in an array that is shared
 * memory here, and no packet is copied to anybody. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arrivals;
/* Numbers 0 to `most`; exits with status 3 where the kernel will not */
struct arrivals *arrivals_new(uint32_t most);
void arrivals_free(struct arrivals *);
/* From now on packets that come to the socket are noted with these bits, and none is queued. For packet and raw sockets
 * alike: the tag is what a packet ends with. */
void arrivals_watch(struct arrivals *, int fd, uint8_t bits);
/* Packets with that mark are noted with others */
void arrivals_watch_marked(struct arrivals *, int fd, uint8_t bits, uint32_t mark, uint8_t marked);
void arrivals_clear(struct arrivals *);
/* The bits of all sockets that the packet came to */
uint8_t arrivals_of(const struct arrivals *, uint32_t id);
void arrivals_forget(struct arrivals *, uint32_t id);
