/* Tells when resolv.conf may have changed: written, replaced, its link or that link's target led elsewhere. */
#pragma once
#include <stdbool.h>
#include <sys/types.h>

struct dns_follow;
/* inotify is counted for `uid`; without a path nothing is watched. NULL where memory or descriptors are short; where inotify is, the
 * file is looked at now and then all the same. */
struct dns_follow *dns_follow_open(const char *path, uid_t uid);
void dns_follow_close(struct dns_follow *);           /* NULL is fine */
int dns_follow_descriptor(const struct dns_follow *); /* readable: call the next */
/* Whether it is time to look */
bool dns_follow_due(struct dns_follow *);
/* It was: what inotify does not tell is looked at half a minute later, instead of seconds */
void dns_follow_rest(struct dns_follow *);
