/* Hellos as clients send them and as nobody should: cut anywhere, spread over records anyhow, with every length wrong. */
#include "policy_of.h"
#include "tests/lib/random.h"
#include "names/hello.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME "good.example"
#define MOST (4 * HELLO_MAX)

struct bytes {
	uint8_t at[MOST];
	size_t len;
};

static void put(struct bytes *out, const void *from, size_t len)
{
	cr_assert_leq(out->len + len, sizeof out->at);
	memcpy(out->at + out->len, from, len);
	out->len += len;
}

static void put_number(struct bytes *out, size_t size, size_t number)
{
	for (size_t i = size; i-- > 0;)
		put(out, &(uint8_t){ (uint8_t)(number >> 8 * i) }, 1);
}

static void put_extension(struct bytes *out, unsigned type, const void *from, size_t len)
{
	put_number(out, 2, type);
	put_number(out, 2, len);
	put(out, from, len);
}

static void put_names(struct bytes *out, size_t count, const char *const names[])
{
	size_t len = 0;
	for (size_t i = 0; i < count; i++)
		len += 3 + strlen(names[i]);
	put_number(out, 2, 0);
	put_number(out, 2, len + 2);
	put_number(out, 2, len);
	for (size_t i = 0; i < count; i++) {
		put_number(out, 3, strlen(names[i]));
		put(out, names[i], strlen(names[i]));
	}
}

static void put_name(struct bytes *out, const char *name)
{
	put_names(out, 1, &name);
}

static void put_zeros(struct bytes *out, unsigned type, size_t len)
{
	static const uint8_t zeros[MOST];
	put_extension(out, type, zeros, len);
}

/* The message, its header included; extensions NULL: no block of them */
static void put_hello(struct bytes *out, const struct bytes *extensions)
{
	static const uint8_t random[32] = { 1 }, session[33] = { 32 }, suites[] = { 0, 4, 0x13, 1, 0x13, 2, 1, 0 };
	size_t len = 2 + sizeof random + sizeof session + sizeof suites + (extensions ? 2 + extensions->len : 0);
	put_number(out, 1, 1);
	put_number(out, 3, len);
	put_number(out, 2, 0x303);
	put(out, random, sizeof random);
	put(out, session, sizeof session);
	put(out, suites, sizeof suites);
	if (!extensions)
		return;
	put_number(out, 2, extensions->len);
	put(out, extensions->at, extensions->len);
}

static void put_record(struct bytes *out, unsigned type, const void *from, size_t len)
{
	put_number(out, 1, type);
	put_number(out, 2, 0x301);
	put_number(out, 2, len);
	put(out, from, len);
}

/* The message in records of at most `size` */
static void put_records(struct bytes *out, const struct bytes *message, size_t size)
{
	for (size_t at = 0; at < message->len; at += size)
		put_record(out, 22, message->at + at, message->len - at < size ? message->len - at : size);
}

static struct bytes whole(const struct bytes *extensions)
{
	struct bytes message = { .len = 0 }, out = { .len = 0 };
	put_hello(&message, extensions);
	put_records(&out, &message, 16384);
	return out;
}

static struct bytes plain(void)
{
	struct bytes extensions = { .len = 0 };
	put_extension(&extensions, 10, "\0\2\0\35", 4);
	put_name(&extensions, NAME);
	put_extension(&extensions, 43, "\2\3\4", 3);
	return whole(&extensions);
}

/* "more", "no tls", "malformed", "no name" or the name */
static const char *text(enum hello_result result, const struct hello *hello)
{
	static char name[HELLO_NAME_MAX + 1];
	static const char *const words[] = { "more", "no tls", "skip", "malformed" };
	if (result < HELLO_DONE)
		return words[result];
	if (!hello->has_name)
		return "no name";
	memcpy(name, hello->name, hello->name_len);
	name[hello->name_len] = '\0';
	return name;
}

/* In a buffer of that size, so that the sanitizers see who reads on */
static enum hello_result read_exactly(const uint8_t *bytes, size_t len, struct hello *hello)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes, len);
	enum hello_result result = hello_client(copy, len, hello);
	free(copy);
	return result;
}

static const char *said(const struct bytes *from)
{
	static struct hello hello;
	return text(read_exactly(from->at, from->len, &hello), &hello);
}

#define assert_said(from, expected) cr_assert_str_eq(said(from), expected, "%s", said(from))

/* Of more bytes each time, the same is said from when it is not MORE */
static void assert_stable(const struct bytes *from, size_t step, const char *expected)
{
	struct hello hello, last;
	enum hello_result result = HELLO_MORE, now;
	for (size_t len = 0; len < from->len + step; len += step) {
		now = read_exactly(from->at, len < from->len ? len : from->len, &hello);
		if (result != HELLO_MORE)
			cr_assert(now == result && memcmp(&hello, &last, sizeof hello) == 0, "%zu bytes: %s", len,
				  text(now, &hello));
		result = now;
		last = hello;
	}
	cr_assert_str_eq(text(result, &last), expected, "%s", text(result, &last));
}

static size_t unhex(const char *hex, uint8_t *out)
{
	size_t len = 0;
	for (unsigned octet; sscanf(hex + 2 * len, "%2x", &octet) == 1; len++)
		out[len] = (uint8_t)octet;
	return len;
}

static void sni_row(char **fields)
{
	struct bytes bytes = { .len = 0 };
	struct hello hello;
	bytes.len = strcmp(fields[1], "<empty>") ? unhex(fields[1], bytes.at) : 0;
	enum hello_result result = hello_client(bytes.at, bytes.len, &hello);
	if (!strcmp(fields[2], "name")) {
		const char *name = strcmp(fields[3], "<empty>") ? fields[3] : "";
		cr_assert_str_eq(text(result, &hello), name, "%s: %s", fields[0], text(result, &hello));
	} else {
		cr_assert_str_eq(text(result, &hello), fields[2], "%s: %s", fields[0], text(result, &hello));
	}
	assert_stable(&bytes, 1, text(result, &hello));
}

Test(hello, names_of_the_table)
{
	test_table("sni.tsv", 6, sni_row);
}

Test(hello, consumes_its_records_and_no_more)
{
	struct bytes bytes = plain();
	struct hello hello;
	size_t len = bytes.len;
	put_record(&bytes, 20, "\1", 1);
	put_record(&bytes, 23, "early", 5);
	cr_assert_eq(hello_client(bytes.at, bytes.len, &hello), HELLO_DONE);
	cr_assert_eq(hello.consumed, len);
	cr_assert(!hello.ech && !hello.early_data);
}

Test(hello, cut_at_every_byte_is_not_there_yet)
{
	struct bytes bytes = plain();
	struct hello hello;
	for (size_t len = 0; len < bytes.len; len++)
		cr_assert_eq(read_exactly(bytes.at, len, &hello), HELLO_MORE, "%zu bytes", len);
	assert_said(&bytes, NAME);
}

/* Inner lengths do not wait for more: the message is there whole */
Test(hello, a_message_cut_at_every_byte_is_malformed)
{
	struct bytes bytes = plain(), cut;
	size_t fixed = 4 + 34 + 33 + 6 + 2; /* up to the extensions, which may be missing */
	for (size_t len = 4; len < bytes.len - 5; len++) {
		struct bytes message = { .len = 0 };
		put(&message, bytes.at + 5, len);
		message.at[3] = (uint8_t)(len - 4);
		cut = (struct bytes){ .len = 0 };
		put_records(&cut, &message, 16384);
		assert_said(&cut, len == fixed ? "no name" : "malformed");
	}
}

Test(hello, split_into_two_records_at_every_byte)
{
	struct bytes bytes = plain();
	for (size_t first = 1; first < bytes.len - 5; first++) {
		struct bytes split = { .len = 0 };
		put_record(&split, 22, bytes.at + 5, first);
		put_record(&split, 22, bytes.at + 5 + first, bytes.len - 5 - first);
		assert_stable(&split, 1, NAME);
	}
}

Test(hello, records_of_every_size)
{
	struct bytes bytes = plain(), message = { .len = 0 };
	put(&message, bytes.at + 5, bytes.len - 5);
	for (size_t size = 1; size <= message.len; size++) {
		struct bytes split = { .len = 0 };
		put_records(&split, &message, size);
		assert_stable(&split, 1, NAME);
	}
}

Test(hello, records_of_random_sizes)
{
	struct bytes bytes = plain();
	struct random random = { 22 };
	for (size_t round = 0; round < 2000; round++) {
		struct bytes split = { .len = 0 };
		for (size_t at = 5, size; at < bytes.len; at += size) {
			size = 1 + random_below(&random, 40);
			size = bytes.len - at < size ? bytes.len - at : size;
			put_record(&split, 22, bytes.at + at, size);
		}
		assert_stable(&split, 1 + random_below(&random, 9), NAME);
	}
}

/* ML-KEM beside X25519, as browsers send it, twice over a segment's size, and the name behind */
Test(hello, post_quantum_key_share_and_the_name_last)
{
	struct bytes extensions = { .len = 0 }, bytes, message = { .len = 0 }, split = { .len = 0 };
	put_zeros(&extensions, 51, 2 + 4 + 1216 + 4 + 32);
	put_zeros(&extensions, 21, 700);
	put_name(&extensions, NAME);
	bytes = whole(&extensions);
	assert_stable(&bytes, 1, NAME);
	put_hello(&message, &extensions);
	put_records(&split, &message, 517);
	assert_stable(&split, 1, NAME);
}

/* A hello of `size` bytes, in records of at most `record` */
static struct bytes of_size(size_t size, size_t record)
{
	struct bytes extensions = { .len = 0 }, message = { .len = 0 }, out = { .len = 0 };
	put_name(&extensions, NAME);
	put_hello(&message, &extensions);
	size_t records = 1;
	while (size - 5 * records > records * record)
		records++;
	put_zeros(&extensions, 21, size - 5 * records - message.len - 4);
	message.len = 0;
	put_hello(&message, &extensions);
	put_records(&out, &message, record);
	cr_assert_eq(out.len, size);
	return out;
}

Test(hello, up_to_16_KiB_and_no_more)
{
	for (size_t record = 1000; record <= 16384; record += 15384)
		for (size_t size = HELLO_MAX - 12; size <= HELLO_MAX + 5; size++) {
			struct bytes bytes = of_size(size, record);
			struct hello hello;
			assert_stable(&bytes, 7, size <= HELLO_MAX ? NAME : "malformed");
			cr_assert_eq(read_exactly(bytes.at, bytes.len, &hello),
				     size <= HELLO_MAX ? HELLO_DONE : HELLO_MALFORMED);
		}
}

/* Records of a byte take six each */
Test(hello, no_16_KiB_of_records_are_waited_for)
{
	struct bytes bytes = of_size(5000, 16384), message = { .len = 0 }, split = { .len = 0 };
	put(&message, bytes.at + 5, bytes.len - 5);
	put_records(&split, &message, 1);
	cr_assert_gt(split.len, HELLO_MAX);
	assert_stable(&split, 97, "malformed");
}

Test(hello, what_it_says_of_its_size_is_enough_to_refuse)
{
	struct bytes bytes = { .len = 0 };
	put_record(&bytes, 22, "\1\0\x40\0", 4);
	assert_said(&bytes, "malformed");
	bytes.len = 0;
	put_record(&bytes, 22, "\1\0\x3f\xf7", 4);
	assert_said(&bytes, "more");
}

Test(hello, anything_else_before_its_end_is_malformed)
{
	struct bytes bytes = plain();
	for (unsigned type = 0; type < 256; type++) {
		struct bytes split = { .len = 0 };
		put_record(&split, 22, bytes.at + 5, 20);
		put_record(&split, type, "\1", 1);
		put_record(&split, 22, bytes.at + 25, bytes.len - 25);
		if (type != 22)
			assert_stable(&split, 1, "malformed");
	}
	struct bytes empty = { .len = 0 };
	put_record(&empty, 22, bytes.at, 0);
	put(&empty, bytes.at, bytes.len);
	assert_stable(&empty, 1, "malformed");
}

/* Otherwise it could be the answer to a HelloRetryRequest, sent along */
Test(hello, a_second_message_in_its_record_is_malformed)
{
	struct bytes bytes = plain();
	for (size_t split = 1; split <= bytes.len - 5; split++) {
		struct bytes both = { .len = 0 }, message = { .len = 0 };
		put(&message, bytes.at + 5, bytes.len - 5);
		put(&message, bytes.at + 5, bytes.len - 5);
		if (split < bytes.len - 5)
			put_record(&both, 22, message.at, split);
		put_record(&both, 22, message.at + both.len - (both.len ? 5 : 0),
			   message.len - split % (bytes.len - 5));
		assert_stable(&both, 1, "malformed");
	}
}

Test(hello, extensions_behind_which_bytes_follow)
{
	struct bytes extensions = { .len = 0 }, message = { .len = 0 }, bytes = { .len = 0 };
	put_name(&extensions, NAME);
	put_hello(&message, &extensions);
	put(&message, "x", 1);
	message.at[3]++;
	put_records(&bytes, &message, 16384);
	assert_said(&bytes, "malformed");
}

Test(hello, twice_of_what_is_looked_at_is_malformed)
{
	static const unsigned types[] = { 0, 42, 0xfe0d, 51 };
	for (size_t i = 0; i < 4; i++)
		for (size_t between = 0; between < 2; between++) {
			struct bytes extensions = { .len = 0 }, bytes;
			put_zeros(&extensions, types[i], 0);
			if (between)
				put_zeros(&extensions, 43, 3);
			put_zeros(&extensions, types[i], 0);
			bytes = whole(&extensions);
			assert_said(&bytes, i < 3 ? "malformed" : "no name");
		}
}

Test(hello, of_several_names_the_first)
{
	struct bytes extensions = { .len = 0 }, bytes;
	put_names(&extensions, 3, (const char *const[]){ "one.example", "two.example", "" });
	bytes = whole(&extensions);
	assert_said(&bytes, "one.example");
}

Test(hello, names_of_any_bytes_and_up_to_255)
{
	char name[300] = "192.0.2.1";
	for (size_t len = 0; len < sizeof name - 1; len++) {
		struct bytes extensions = { .len = 0 }, bytes;
		memset(name, 'a' + (int)(len % 26), len);
		name[len] = '\0';
		put_name(&extensions, name);
		bytes = whole(&extensions);
		assert_said(&bytes, len <= HELLO_NAME_MAX ? name : "malformed");
	}
	struct bytes extensions = { .len = 0 }, bytes;
	struct hello hello;
	put_extension(&extensions, 0, "\0\x0c\0\0\x09good\0evil", 14);
	bytes = whole(&extensions);
	cr_assert_eq(hello_client(bytes.at, bytes.len, &hello), HELLO_DONE);
	cr_assert(hello.name_len == 9 && memcmp(hello.name, "good\0evil", 9) == 0);
}

Test(hello, what_else_it_says)
{
	struct bytes extensions = { .len = 0 }, bytes;
	struct hello hello;
	put_zeros(&extensions, 0xfe0d, 200);
	put_name(&extensions, NAME);
	put_zeros(&extensions, 42, 0);
	bytes = whole(&extensions);
	cr_assert_eq(hello_client(bytes.at, bytes.len, &hello), HELLO_DONE);
	cr_assert(hello.ech && hello.early_data && hello.has_name);
	bytes = whole(NULL);
	assert_said(&bytes, "no name");
}

/* MySQL's first packet begins with its length; a web server's with a letter */
Test(hello, other_protocols)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *expected;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n", 16, "no tls" },
		{ "S", 1, "no tls" },
		{ "\x80\x2e\1\3\1", 5, "no tls" },
		{ "\x13\3", 2, "no tls" },
		{ "\x19\3", 2, "no tls" },
		{ "\x16\1\0\1\x85\xa6\xff\0", 8, "no tls" },
		{ "\x15\1\0\1\x85\xa6\xff\0", 8, "no tls" },
		{ "\x16\1\0\1\x85", 5, "more" },
		{ "\x16\1\0\1\x85\1", 6, "more" },
		{ "\x16\3\1\1\x85\xa6", 6, "malformed" },
		{ "\x16\3\1\0\4\2\0\0\0", 9, "malformed" },
		{ "\x16\3", 2, "more" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct bytes bytes = { .len = 0 };
		put(&bytes, rows[i].bytes, rows[i].len);
		assert_stable(&bytes, 1, rows[i].expected);
	}
}

/* Some servers pass over a warning and take the hello that follows */
Test(hello, an_alert_before_it_is_malformed)
{
	struct bytes hello = plain();
	for (unsigned type = 20; type <= 24; type++)
		for (unsigned version = 0; version < 0x500; version += 0x81) {
			struct bytes bytes = { .len = 0 };
			if (type == 22)
				continue;
			put_number(&bytes, 1, type);
			put_number(&bytes, 2, version);
			put_number(&bytes, 2, 2);
			put(&bytes, "\1\x5a", 2);
			put(&bytes, hello.at, hello.len);
			assert_stable(&bytes, 1, "malformed");
		}
}

/* Whatever is changed: no byte outside is read, and what is said stays */
Test(hello, changed_at_random)
{
	struct random random = { 22 };
	struct bytes first = plain();
	for (size_t round = 0; round < 20000; round++) {
		struct bytes bytes = { .len = 0 };
		put(&bytes, first.at, first.len);
		for (size_t i = random_below(&random, 4) + 1; i > 0; i--)
			bytes.at[random_below(&random, bytes.len)] = (uint8_t)random_below(&random, 256);
		bytes.len = 1 + random_below(&random, bytes.len);
		assert_stable(&bytes, 1, said(&bytes));
	}
}

static struct hello named(const char *name, bool ech)
{
	struct hello hello = { .has_name = name, .ech = ech, .name_len = (uint8_t)(name ? strlen(name) : 0) };
	memcpy(hello.name, name ? name : "", hello.name_len);
	return hello;
}

Test(hello, the_second_is_the_same)
{
	struct hello good = named(NAME, false), other = named("evil.example", false), none = named(NULL, false);
	struct hello empty = named("", false), with_ech = named(NAME, true), longer = named(NAME ".", false);
	cr_assert(hello_same(&good, &good) && hello_same(&none, &none));
	cr_assert(!hello_same(&good, &other) && !hello_same(&good, &none) && !hello_same(&none, &good));
	cr_assert(!hello_same(&empty, &none) && !hello_same(&good, &with_ech) && !hello_same(&good, &longer));
}

static const char *second_said(const struct bytes *bytes, bool early_data, size_t *consumed)
{
	static struct hello hello;
	const char *words = text(hello_second(bytes->at, bytes->len, early_data, &hello), &hello);
	*consumed = hello.consumed;
	return words;
}

Test(hello, second_behind_change_cipher_spec_and_early_data)
{
	struct bytes hello = plain(), bytes = { .len = 0 };
	size_t consumed;
	put_record(&bytes, 20, "\1", 1);
	cr_assert_str_eq(second_said(&bytes, false, &consumed), "skip");
	cr_assert_eq(consumed, 6);
	bytes.len = 5;
	cr_assert_str_eq(second_said(&bytes, false, &consumed), "skip");
	bytes.len = 4;
	cr_assert_str_eq(second_said(&bytes, false, &consumed), "more");
	bytes.len = 0;
	put_record(&bytes, 21, "\2\x2f", 2);
	cr_assert_str_eq(second_said(&bytes, false, &consumed), "skip");
	bytes.len = 0;
	put_number(&bytes, 1, 23);
	put_number(&bytes, 4, 0x03034100); /* more than may be looked at, and not here */
	cr_assert_str_eq(second_said(&bytes, true, &consumed), "skip");
	cr_assert_eq(consumed, 5 + 0x4100);
	cr_assert_str_eq(second_said(&bytes, false, &consumed), "malformed");
	bytes.at[4] = 1;
	cr_assert_str_eq(second_said(&bytes, true, &consumed), "malformed");
	cr_assert_str_eq(second_said(&hello, false, &consumed), NAME);
	cr_assert_eq(consumed, hello.len);
}

Test(hello, second_of_other_records_is_malformed)
{
	size_t consumed;
	for (unsigned type = 0; type < 256; type++) {
		struct bytes bytes = { .len = 0 };
		put_record(&bytes, type, "\2\0\0", 3);
		cr_assert_str_eq(second_said(&bytes, false, &consumed), "malformed", "%u", type);
	}
}

static struct bytes server_hello(bool retry)
{
	struct bytes message = { .len = 0 };
	put_number(&message, 4, 0x02000060);
	put_number(&message, 2, 0x303);
	message.len +=
		unhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c", message.at + message.len);
	if (!retry)
		message.at[message.len - 1]++;
	put_zeros(&message, 0, 62 - 4);
	return message;
}

static enum hello_server server_said(const struct bytes *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);
	memcpy(copy, bytes->at, len);
	enum hello_server result = hello_server(copy, len);
	free(copy);
	return result;
}

/* Known from its random on, with a warning before it or not, and however it is spread */
Test(hello, server_hello_in_records_of_every_size)
{
	for (int retry = 0; retry < 2; retry++)
		for (int warned = 0; warned < 2; warned++)
			for (size_t size = 1; size <= 100; size++) {
				struct bytes message = server_hello(retry), bytes = { .len = 0 };
				enum hello_server expected = retry ? HELLO_SERVER_RETRY : HELLO_SERVER_OTHER;
				if (warned)
					put_record(&bytes, 21, "\1\x70", 2);
				size_t known = bytes.len + 38 + 5 * ((37 + size) / size);
				put_records(&bytes, &message, size);
				for (size_t len = 0; len <= bytes.len; len++)
					cr_assert_eq(server_said(&bytes, len),
						     len < known ? HELLO_SERVER_MORE : expected,
						     "records of %zu, %zu bytes", size, len);
			}
}

Test(hello, servers_that_say_something_else)
{
	struct bytes bytes = { .len = 0 }, warnings = { .len = 0 };
	put(&bytes, "HTTP/1.1 400 Bad Request\r\n", 26);
	cr_assert_eq(server_said(&bytes, 0), HELLO_SERVER_MORE);
	cr_assert_eq(server_said(&bytes, 1), HELLO_SERVER_OTHER);
	while (warnings.len < HELLO_SERVER_MAX) {
		cr_assert_eq(server_said(&warnings, warnings.len), HELLO_SERVER_MORE);
		put_record(&warnings, 21, "\1\x70", 2);
	}
	cr_assert_eq(server_said(&warnings, warnings.len), HELLO_SERVER_RETRY);
	bytes.len = 0;
	put_record(&bytes, 22, "\0\0\0\0", 4); /* a HelloRequest asks for a second hello as well */
	cr_assert_eq(server_said(&bytes, bytes.len), HELLO_SERVER_RETRY);
}
