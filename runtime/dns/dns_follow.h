/* Tells when resolv.conf may have changed: written, replaced, its link or that link's target led elsewhere. */
#pragma once
#include <stdbool.h>

struct dns_follow;
/* NULL where memory or descriptors are short; where inotify is, it is looked at now and then all the same. */
struct dns_follow *dns_follow_open(const char *path);
void dns_follow_close(struct dns_follow *);           /* NULL is fine */
int dns_follow_descriptor(const struct dns_follow *); /* readable: call the next */
/* Whether the file is to be read now */
bool dns_follow_due(struct dns_follow *);
