/* What is said of a flow that was judged by its server name, or that hides it. */
#pragma once
#include "base/arena.h"

/* What `hello` of an event says beside the ways in which a hello is refused */
#define HELLO_NAME "name"
#define HELLO_QUIC "QUIC"

/* "TLS to evil.example", "TLS: malformed hello", "no server name". `sni` as in an event; NULL: none was sent */
const char *hello_words(struct arena *, const char *hello, const char *sni);
