/* The language server, on bytes of a client. They are either a stream as it comes, headers and all, or, behind a
 * first byte of zero, lines that are each made a message of a session that has begun, with a policy open: so that the
 * fuzzer need not guess lengths. */
#include "fuzz.h"
#include "lsp/lsp.h"

#include <stdio.h>

/* Every answer is one framed message. */
static void check_answer(void *context, const char *bytes, size_t len)
{
	static const char header[] = "Content-Length: ";
	const char *body = memmem(bytes, len, "\r\n\r\n", 4);
	(void)context;
	if (len < sizeof header || memcmp(bytes, header, sizeof header - 1) != 0 || !body ||
	    (size_t)atol(bytes + sizeof header - 1) != len - (size_t)(body + 4 - bytes))
		abort();
}

static void feed_message(struct lsp *lsp, const char *text, size_t len)
{
	char header[64];
	int header_len = snprintf(header, sizeof header, "Content-Length: %zu\r\n\r\n", len);
	lsp_feed(lsp, header, (size_t)header_len);
	lsp_feed(lsp, text, len);
}

static void begin(struct lsp *lsp, bool bytes)
{
	static const char open[] =
		"{\"method\":\"textDocument/didOpen\",\"params\":{\"textDocument\":{\"uri\":\"file:///a.msb\",\"text\":"
		"\"default egress deny\\r\\ngroup g = a.org, 10.0.0.0/8 # \\u6f22\\ud83d\\ude42\\nallow@g:tcp:{22,443} log\\n"
		"include \\\"b.msb\\\"\\nexpect allow egress@a.org:tcp:443\\n\"}}}";
	static const char utf8[] = "{\"id\":0,\"method\":\"initialize\",\"params\":{\"capabilities\":{\"general\":"
				   "{\"positionEncodings\":[\"utf-8\"]}}}}";
	static const char utf16[] = "{\"id\":0,\"method\":\"initialize\",\"params\":{}}";
	feed_message(lsp, bytes ? utf8 : utf16, strlen(bytes ? utf8 : utf16));
	feed_message(lsp, open, strlen(open));
}

static void feed_lines(struct lsp *lsp, const char *data, size_t size)
{
	while (size) {
		const char *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;
		feed_message(lsp, data, len);
		lsp_idle(lsp);
		data += len + (end != NULL);
		size -= len + (end != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct policy_options policy = { .arena = arena, .today = "2026-11-24" };
	struct lsp_options options = { .policy = &policy, .gateway = fuzz_gateway(), .alone = true };
	struct lsp *lsp = lsp_new(&options, check_answer, NULL);
	if (size > 1 && data[0] == 0) {
		begin(lsp, data[1] & 1);
		feed_lines(lsp, (const char *)data + 2, size - 2);
	} else if (lsp_feed(lsp, (const char *)data, size / 2)) {
		lsp_feed(lsp, (const char *)data + size / 2, size - size / 2);
	}
	lsp_idle(lsp);
	lsp_free(lsp);
	arena_free(arena);
	return 0;
}
