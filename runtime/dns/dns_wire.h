/* Numbers and names as they are in a DNS message (RFC 1035 3.1, 4.1) */
#pragma once
#include <ldns/ldns.h>

static inline uint16_t wire_get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void wire_put16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* Length of the uncompressed name that starts at `at`; 0 where there is none within the bounds */
static inline size_t wire_name_length(const uint8_t *message, size_t len, size_t at)
{
	size_t start = at;
	while (at < len && message[at] != 0) {
		if (message[at] > LDNS_MAX_LABELLEN)
			return 0;
		at += 1u + message[at];
	}
	return at < len && at - start + 1 <= LDNS_MAX_DOMAINLEN ? at - start + 1 : 0;
}
