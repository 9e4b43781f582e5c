/* The same words on standard error, in msb-ctl and in the journal. */
#include "report/hello_words.h"

#include <string.h>

/* In quotation marks where it might pass for words of the line */
static const char *server_name_text(struct arena *arena, const char *sni)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

	return sni[0] && !sni[strspn(sni, plain)] ? sni : arena_printf(arena, "\"%s\"", sni);
}

/* What sends no name need not be TLS. */
const char *hello_words(struct arena *arena, const char *hello, const char *sni)
{
	if (!strcmp(hello, HELLO_QUIC))
		return "QUIC hides the server name, which is judged over TCP";
	const char *to = sni ? arena_printf(arena, " to %s", server_name_text(arena, sni)) : "";
	if (strcmp(hello, HELLO_NAME) != 0)
		return arena_printf(arena, "TLS%s: %s", to, hello);
	return sni ? arena_printf(arena, "TLS%s", to) : "no server name";
}
