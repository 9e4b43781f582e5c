/* The specifications that are one word with a form of its own: published ports and nameservers. */
#include "policy/resolve_help.h"
#include "base/units.h"
#include "policy/policy_facts.h"

#include <string.h>

struct piece {
	const char *text;
	size_t len;
};

static struct piece trim(struct piece piece)
{
	while (piece.len && (piece.text[0] == ' ' || piece.text[0] == '\t'))
		piece.text++, piece.len--;
	while (piece.len && (piece.text[piece.len - 1] == ' ' || piece.text[piece.len - 1] == '\t'))
		piece.len--;
	return piece;
}

static bool parse_port(struct piece piece, bool lax, uint16_t *out)
{
	return units_port(piece.text, piece.len, lax, out);
}

static bool parse_addr(struct piece piece, struct addr *out)
{
	char text[ADDR_TEXT_MAX];

	if (piece.len >= sizeof text)
		return false;
	memcpy(text, piece.text, piece.len);
	text[piece.len] = 0;
	return addr_parse(text, out);
}

/* Splits at every ":" into at most `max` pieces; max + 1 where there are more */
static size_t split(const char *text, struct piece *out, size_t max)
{
	for (size_t count = 0;; count++) {
		size_t len = strcspn(text, ":");
		if (count == max)
			return max + 1;
		out[count] = (struct piece){ text, len };
		if (!text[len])
			return count + 1;
		text += len + 1;
	}
}

/* ---- [BIND:]HOST:GUEST[/tcp|/udp], either a port or a range of them ---- */

/* A port, or "LO-HI", neither of them 0 */
static bool parse_port_range(struct piece piece, uint16_t *lo, uint16_t *hi)
{
	const char *dash = memchr(piece.text, '-', piece.len);
	size_t len = dash ? (size_t)(dash - piece.text) : piece.len;

	if (!parse_port(trim((struct piece){ piece.text, len }), false, lo))
		return false;
	*hi = *lo;
	if (!dash)
		return true;
	return parse_port(trim((struct piece){ dash + 1, piece.len - len - 1 }), false, hi) && *lo && *lo <= *hi;
}

/* "/tcp" and "/udp", cut off; "" where there is neither */
static const char *cut_proto(char *text)
{
	static const char *const protos[] = { "/tcp", "/udp" };
	size_t len = strlen(text);

	for (size_t i = 0; i < 2; i++) {
		if (len < 4 || strcmp(text + len - 4, protos[i]) != 0)
			continue;
		text[len - 4] = 0;
		return protos[i];
	}
	return "";
}

static const char *bind_meant(struct arena *arena, struct piece piece)
{
	struct addr addr;

	if (piece.len == strlen("localhost") && !memcmp(piece.text, "localhost", piece.len))
		return "127.0.0.1:";
	if (piece.len == 1 && piece.text[0] == '*')
		return "0.0.0.0:";
	return parse_addr(piece, &addr) ? arena_printf(arena, "%.*s:", (int)piece.len, piece.text) : NULL;
}

/* "80", "tcp:80", "80->8080", "localhost:80:80" as they are written here, or NULL */
static const char *publish_meant(struct arena *arena, const char *spec)
{
	const char *proto = !strncmp(spec, "tcp:", 4) ? "/tcp" : !strncmp(spec, "udp:", 4) ? "/udp" : "";
	char *text = arena_strdup(arena, *proto ? spec + 4 : spec), *arrow = strstr(text, "->");
	const char *behind = cut_proto(text), *bind = "";
	struct piece pieces[3];
	uint16_t lo, hi;

	if (arrow) {
		*arrow = 0;
		text = arena_printf(arena, "%s:%s", text, arrow + 2);
	}
	size_t parts = split(text, pieces, 3), first = parts == 3;
	if (parts > 3)
		return NULL;
	if (first || (parts == 2 && bind_meant(arena, pieces[0]))) {
		first = 1;
		bind = bind_meant(arena, pieces[0]);
	}
	struct piece host = pieces[first], guest = pieces[parts - 1];
	if (!bind || !parse_port_range(host, &lo, &hi) || !parse_port_range(guest, &lo, &hi))
		return NULL;
	const char *meant = arena_printf(arena, "%s%.*s:%.*s%s", bind, (int)host.len, host.text, (int)guest.len,
					 guest.text, *behind ? behind : proto);
	return strcmp(meant, spec) != 0 ? meant : NULL;
}

static bool report_publish(struct diags *diags, struct span span, const char *id, const char *fault, const char *spec)
{
	struct diag *diag = diag_error(diags, id, span, "%s: `%s`", fault, spec);

	diag->help = "[BIND:]HOST:GUEST[/tcp|/udp], like 127.0.0.1:8080:80/tcp or 8000-8002:80-82";
	resolve_offer(diags, diag, span, spec, publish_meant(diags->arena, spec));
	return false;
}

static bool parse_ports(struct diags *diags, struct span span, const char *spec, struct piece host, struct piece guest,
			struct policy_publish *out, uint16_t *count)
{
	uint16_t host_last, guest_last;

	out->proto = PROTO_TCP;
	if (guest.len >= 4 && !memcmp(guest.text + guest.len - 4, "/udp", 4))
		out->proto = PROTO_UDP;
	if (out->proto == PROTO_UDP || (guest.len >= 4 && !memcmp(guest.text + guest.len - 4, "/tcp", 4)))
		guest.len -= 4;
	if (!parse_port_range(host, &out->host_port, &host_last))
		return report_publish(diags, span, "bad-host-port", "no port of the host, nor a range of them", spec);
	if (!parse_port_range(guest, &out->guest_port, &guest_last))
		return report_publish(diags, span, "bad-guest-port", "no port of the guest, nor a range of them", spec);
	if (host_last - out->host_port != guest_last - out->guest_port)
		return report_publish(diags, span, "bad-guest-port", "the two ranges of ports differ in length", spec);
	*count = (uint16_t)(host_last - out->host_port + 1);
	return true;
}

bool resolve_publish(struct diags *diags, struct span span, const char *spec, struct policy_publish *out,
		     uint16_t *count)
{
	struct piece pieces[3], bind = { "127.0.0.1", strlen("127.0.0.1") };
	struct policy_publish publish = { .span = span };
	bool bracketed = spec[0] == '[';
	size_t parts;

	if (bracketed) {
		const char *end = strchr(spec, ']');
		bind = (struct piece){ spec + 1, end ? (size_t)(end - spec - 1) : 0 };
		parts = end && end[1] == ':' ? split(end + 2, pieces + 1, 2) + 1 : 0;
	} else {
		parts = split(spec, pieces, 3);
		if (parts == 3)
			bind = trim(pieces[0]);
		else if (parts == 2)
			memmove(pieces + 1, pieces, 2 * sizeof *pieces);
	}
	if (bracketed ? parts != 3 : parts != 2 && parts != 3)
		return report_publish(diags, span, "bad-format", "no published port", spec);
	if (!parse_addr(bind, &publish.bind) || (bracketed && publish.bind.family != ADDR_V6))
		return report_publish(diags, span, "bad-bind", "no address to listen on", spec);
	if (!parse_ports(diags, span, spec, pieces[1], pieces[2], &publish, count))
		return false;
	*out = publish;
	return true;
}

/* ---- IP, IP:PORT, [v6]:PORT, HOST, HOST:PORT; a link-local v6 with %LINK ---- */

/* The name or the number of a link */
static bool is_zone(struct piece zone)
{
	for (size_t i = 0; i < zone.len; i++)
		if (zone.text[i] <= ' ' || zone.text[i] > '~' || strchr("/:%[]", zone.text[i]))
			return false;
	return zone.len > 0 && zone.len <= POLICY_ZONE_MAX;
}

static bool parse_server_addr(struct arena *arena, struct piece piece, struct policy_nameserver *out)
{
	const char *sign = memchr(piece.text, '%', piece.len);
	struct piece zone = { sign ? sign + 1 : "", sign ? piece.len - (size_t)(sign + 1 - piece.text) : 0 };
	struct addr_prefix link_local = { .len = 10 };

	if (!sign)
		return parse_addr(piece, &out->addr);
	addr_parse("fe80::", &link_local.addr);
	piece.len = (size_t)(sign - piece.text);
	if (!is_zone(zone) || !parse_addr(piece, &out->addr) || out->addr.family != ADDR_V6 ||
	    !addr_prefix_contains(link_local, out->addr))
		return false;
	out->zone = arena_strndup(arena, zone.text, zone.len);
	return true;
}

static bool parse_bracketed_v6(struct arena *arena, const char *spec, struct policy_nameserver *out)
{
	const char *end = strchr(spec, ']');
	struct piece inside = { spec + 1, end ? (size_t)(end - spec - 1) : 0 };

	return spec[0] == '[' && end && end[1] == ':' && parse_server_addr(arena, inside, out) &&
	       out->addr.family == ADDR_V6 && parse_port((struct piece){ end + 2, strlen(end + 2) }, true, &out->port);
}

static bool has_blank(const char *spec)
{
	for (; *spec; spec++)
		if ((unsigned char)*spec <= ' ' || *spec == 0x7f)
			return true;
	return false;
}

bool resolve_nameserver(struct arena *arena, struct diags *diags, struct span span, const char *spec,
			struct policy_nameserver *out)
{
	struct policy_nameserver server = { .port = FLOW_DNS_PORT, .span = span };
	struct piece pieces[2];
	bool ok = parse_server_addr(arena, (struct piece){ spec, strlen(spec) }, &server) ||
		  parse_bracketed_v6(arena, spec, &server);

	if (!ok && *spec && strlen(spec) <= 255 && !has_blank(spec) && !strchr(spec, '%')) {
		size_t count = split(spec, pieces, 2);
		ok = count <= 2 && pieces[0].len && (count == 1 || parse_port(pieces[1], true, &server.port));
		server.is_name = ok && !parse_addr(pieces[0], &server.addr);
		server.name = server.is_name ? arena_strndup(arena, pieces[0].text, pieces[0].len) : NULL;
	}
	if (!ok) {
		diag_error(diags, "bad-nameserver", span, "no nameserver: `%s`", spec)->help =
			strchr(spec, '%') ? "a link-local address with the host's link, as fe80::53%eth0 or "
					    "[fe80::53%eth0]:5353" :
					    "IP, IP:PORT, [IPv6]:PORT, HOST or HOST:PORT";
		return false;
	}
	*out = server;
	return true;
}
