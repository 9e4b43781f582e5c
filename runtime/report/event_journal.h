/* Events in systemd's journal, by its native protocol: a datagram of fields each, the same bytes as libsystemd's sd_journal_sendv() sends.
 * That one waits in the kernel for as long as journald does not read (measured with 252: after 11 datagrams), and with it everything that
 * the supervisor serves; its socket cannot be told not to. */
#pragma once
#include <jansson.h>
#include <stddef.h>

#define EVENT_JOURNAL_SOCKET "/run/systemd/journal/socket"

/* A socket that is not connected, so that a journald that is started anew is found again. -1 and errno: there is no journal here */
int event_journal_open(void);
/* Without waiting: 0 or -errno */
int event_journal_write(int fd, const json_t *event);
/* The datagram, `size` bytes at most: its length; 0: it does not fit. Exported for tests */
size_t event_journal_fields(const json_t *event, char *out, size_t size);
