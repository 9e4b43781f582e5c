/* --listen's argument. */
#include "metrics/metrics_server.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 64

/* Digits alone, 1 to 65535; "": the usual one */
static bool parse_port(const char *text, in_port_t *out)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	*out = htons(METRICS_PORT);
	if (!*text)
		return true;
	*out = htons((in_port_t)port);
	return *text >= '0' && *text <= '9' && !*end && port >= 1 && port <= 65535;
}

static bool parse_host(const char *text, struct in6_addr *out)
{
	char mapped[TEXT_MAX + 8];

	if (!*text)
		text = "127.0.0.1";
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	snprintf(mapped, sizeof mapped, "::ffff:%s", text);
	return !strchr(text, ':') && inet_pton(AF_INET6, mapped, out) == 1;
}

bool metrics_address_parse(const char *text, struct sockaddr_in6 *out)
{
	char host[TEXT_MAX] = "";
	const char *port = "", *end = text + strlen(text), *colon = strrchr(text, ':');

	if (strlen(text) >= sizeof host || !*text)
		return false;
	if (*text == '[') {
		const char *bracket = strchr(text, ']');
		if (!bracket || (bracket[1] && bracket[1] != ':'))
			return false;
		port = bracket[1] ? bracket + 2 : "";
		if (bracket[1] && !*port)
			return false;
		text++;
		end = bracket;
	} else if (colon && colon == strchr(text, ':')) {
		port = colon + 1;
		end = colon;
		if (!*port)
			return false;
	}
	memcpy(host, text, (size_t)(end - text));
	*out = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	return parse_host(host, &out->sin6_addr) && parse_port(port, &out->sin6_port);
}

bool metrics_address_is_loopback(const struct sockaddr_in6 *address)
{
	const struct in6_addr *addr = &address->sin6_addr;

	return IN6_IS_ADDR_LOOPBACK(addr) || (IN6_IS_ADDR_V4MAPPED(addr) && addr->s6_addr[12] == 127);
}
