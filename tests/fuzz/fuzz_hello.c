/* What the two ends of a TLS connection say first, in the name worker: the first byte chooses whose. What is said of all bytes at once
 * must be what is said when they come in pieces, and a hello says the same in whatever records. */
#include "fuzz.h"

#include "names/hello.h"

/* Bytes that arrive, in a buffer that ends where they do: so many pieces */
#define PIECES 512

enum sender { CLIENT, SECOND, SECOND_EARLY, SERVER, SENDERS };

static int judge(enum sender sender, const uint8_t *bytes, size_t len, struct hello *out)
{
	if (sender == CLIENT)
		return hello_client(bytes, len, out);
	if (sender == SERVER)
		return hello_server(bytes, len);
	return hello_second(bytes, len, sender == SECOND_EARLY, out);
}

static int judge_copy(enum sender sender, const uint8_t *bytes, size_t len, struct hello *out)
{
	uint8_t *copy = malloc(len ? len : 1);
	if (!copy)
		abort();
	memcpy(copy, bytes, len);
	int result = judge(sender, copy, len, out);
	free(copy);
	return result;
}

/* More is said of fewer bytes first, and then the same for good */
static void in_pieces(enum sender sender, const uint8_t *bytes, size_t size, int whole, const struct hello *hello)
{
	const int more = sender == SERVER ? (int)HELLO_SERVER_MORE : (int)HELLO_MORE;
	size_t step = 1 + size / PIECES;
	struct hello part = { 0 };
	for (size_t len = 0; len < size; len += step) {
		int result = judge_copy(sender, bytes, len, &part);
		if (result == more)
			continue;
		if (result != whole)
			abort();
		if (result == HELLO_DONE && sender != SERVER && memcmp(&part, hello, sizeof part) != 0)
			abort();
		return;
	}
}

/* Its handshake message again, in records of `size` bytes */
static void in_records(const uint8_t *bytes, const struct hello *hello, size_t size)
{
	static uint8_t message[HELLO_MAX], records[HELLO_MAX];
	size_t len = 0, put = 0;
	struct hello again;
	for (size_t at = 0; at < hello->consumed;) {
		size_t record = (size_t)bytes[at + 3] << 8 | bytes[at + 4];
		memcpy(message + len, bytes + at + 5, record);
		len += record;
		at += 5 + record;
	}
	for (size_t at = 0; at < len; at += size) {
		size_t record = len - at < size ? len - at : size;
		if (put + 5 + record > sizeof records)
			return;
		memcpy(records + put, (uint8_t[]){ 22, 3, 1, (uint8_t)(record >> 8), (uint8_t)record }, 5);
		memcpy(records + put + 5, message + at, record);
		put += 5 + record;
	}
	if (hello_client(records, put, &again) != HELLO_DONE || !hello_same(hello, &again) || again.consumed != put ||
	    again.early_data != hello->early_data)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello hello = { 0 };
	if (size < 2)
		return 0;
	enum sender sender = data[0] % SENDERS;
	const uint8_t *bytes = data + 2;
	size -= 2;
	int result = judge_copy(sender, bytes, size, &hello);
	in_pieces(sender, bytes, size, result, &hello);
	if (sender == SERVER || result != HELLO_DONE)
		return 0;
	if (hello.consumed > size || hello.consumed > HELLO_MAX || (!hello.has_name && hello.name_len > 0))
		abort();
	in_records(bytes, &hello, 1 + data[1] * 8);
	return 0;
}
