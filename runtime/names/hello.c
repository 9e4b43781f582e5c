/* ClientHello and HelloRetryRequest (RFC 8446, RFC 6066 for the name). A hello may be spread over records as its sender likes, so
 * its records are put together first. */
#include "names/hello.h"

#include <string.h>

#define RECORD_HEADER 5
#define RECORD_MAX 16384            /* RFC 8446, 5.1 */
#define RECORD_CIPHERTEXT_MAX 16640 /* 5.2 */
#define MESSAGE_HEADER 4
#define VERSION_AND_RANDOM 34

enum record_type { CHANGE_CIPHER_SPEC = 20, ALERT, HANDSHAKE, APPLICATION_DATA, HEARTBEAT };
enum message_type { CLIENT_HELLO = 1, SERVER_HELLO };
enum extension { SERVER_NAME = 0, EARLY_DATA = 42, ENCRYPTED_CLIENT_HELLO = 0xfe0d };
#define HOST_NAME 0

/* RFC 8446, 4.1.3: the random of a ServerHello that is a HelloRetryRequest */
static const uint8_t retry_random[32] = { 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
					  0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
					  0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c };

/* Bytes that are still to be read */
struct cursor {
	const uint8_t *at;
	size_t left;
};

static bool take(struct cursor *from, size_t len, struct cursor *out)
{
	if (from->left < len)
		return false;
	*out = (struct cursor){ from->at, len };
	from->at += len;
	from->left -= len;
	return true;
}

/* A number of `size` bytes, most significant first */
static bool take_number(struct cursor *from, size_t size, size_t *out)
{
	struct cursor bytes;
	if (!take(from, size, &bytes))
		return false;
	*out = 0;
	for (size_t i = 0; i < size; i++)
		*out = *out << 8 | bytes.at[i];
	return true;
}

/* A vector with its length before it, in `size` bytes */
static bool take_vector(struct cursor *from, size_t size, struct cursor *out)
{
	size_t len;
	return take_number(from, size, &len) && take(from, len, out);
}

struct record {
	size_t type, version, len;
};

static bool take_record(struct cursor *from, struct record *out)
{
	return from->left >= RECORD_HEADER && take_number(from, 1, &out->type) && take_number(from, 2, &out->version) &&
	       take_number(from, 2, &out->len);
}

/* Of several names the first counts, as most servers have it that do not end the connection */
static bool read_server_name(struct cursor extension, struct hello *out)
{
	struct cursor list, name;
	size_t type;
	if (extension.left == 0)
		return true;
	if (!take_vector(&extension, 2, &list) || extension.left > 0)
		return false;
	while (list.left > 0) {
		if (!take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
			return false;
		if (type != HOST_NAME || out->has_name)
			continue;
		if (name.left > HELLO_NAME_MAX)
			return false;
		out->has_name = true;
		out->name_len = (uint8_t)name.left;
		memcpy(out->name, name.at, name.left);
	}
	return true;
}

/* A second extension of a kind that is looked at: servers differ in which of them counts */
static bool read_extensions(struct cursor extensions, struct hello *out)
{
	struct cursor extension;
	bool named = false;
	size_t type;
	while (extensions.left > 0) {
		bool *once = NULL;
		if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &extension))
			return false;
		if (type == SERVER_NAME)
			once = &named;
		else if (type == EARLY_DATA)
			once = &out->early_data;
		else if (type == ENCRYPTED_CLIENT_HELLO)
			once = &out->ech;
		if (once && *once)
			return false;
		if (once)
			*once = true;
		if (type == SERVER_NAME && !read_server_name(extension, out))
			return false;
	}
	return true;
}

static bool read_client_hello(struct cursor body, struct hello *out)
{
	struct cursor ignored, extensions;
	if (!take(&body, VERSION_AND_RANDOM, &ignored) || !take_vector(&body, 1, &ignored) /* session */ ||
	    !take_vector(&body, 2, &ignored) /* cipher suites */ || !take_vector(&body, 1, &ignored) /* compression */)
		return false;
	if (body.left == 0)
		return true;
	return take_vector(&body, 2, &extensions) && body.left == 0 && read_extensions(extensions, out);
}

/* A handshake message out of its records */
struct message {
	uint8_t bytes[HELLO_MAX];
	size_t len;
};

/* Its size as it says itself; its header's, before that is there */
static size_t message_size(const struct message *message)
{
	const uint8_t *bytes = message->bytes;
	if (message->len < MESSAGE_HEADER)
		return MESSAGE_HEADER;
	return MESSAGE_HEADER + ((size_t)bytes[1] << 16 | (size_t)bytes[2] << 8 | bytes[3]);
}

/* What is here of a record's bytes, onto the message. False: no hello. One that does not end with its record could have another
 * behind it, which would pass unseen. */
static bool put_record(struct message *message, const struct record *record, struct cursor bytes)
{
	size_t before = message->len;
	if (record->type != HANDSHAKE || record->len == 0 || record->len > RECORD_MAX)
		return false;
	memcpy(message->bytes + before, bytes.at, bytes.left);
	message->len += bytes.left;
	if (message->len > 0 && message->bytes[0] != CLIENT_HELLO)
		return false;
	if (message->len < MESSAGE_HEADER)
		return true;
	return message_size(message) <= HELLO_MAX - RECORD_HEADER && before + record->len <= message_size(message);
}

static enum hello_result read_hello(const uint8_t *bytes, size_t len, struct hello *out)
{
	struct message message;
	struct cursor left = { bytes, len }, here;
	struct record record;
	message.len = 0;
	do {
		if (!take_record(&left, &record))
			return HELLO_MORE;
		take(&left, record.len < left.left ? record.len : left.left, &here);
		if (!put_record(&message, &record, here))
			return HELLO_MALFORMED;
		if (here.left < record.len)
			return HELLO_MORE;
	} while (message.len < message_size(&message));
	out->consumed = len - left.left;
	struct cursor body = { message.bytes + MESSAGE_HEADER, message.len - MESSAGE_HEADER };
	return read_client_hello(body, out) ? HELLO_DONE : HELLO_MALFORMED;
}

/* Whether a TLS server could go on from this record: DONE, as far as that is known. Some servers pass over an alert before the hello,
 * whatever version it says. Other protocols may begin with these numbers, MySQL's with a packet's length. */
static enum hello_result looks_like_tls(const uint8_t *bytes, size_t len)
{
	struct cursor left = { bytes, len };
	struct record record;
	if (len == 0)
		return HELLO_MORE;
	if (bytes[0] < CHANGE_CIPHER_SPEC || bytes[0] > HEARTBEAT)
		return HELLO_NOT_TLS;
	if (len >= 2 && bytes[1] == 3)
		return bytes[0] == HANDSHAKE ? HELLO_DONE : HELLO_MALFORMED;
	if (!take_record(&left, &record))
		return HELLO_MORE;
	if (record.type != HANDSHAKE)
		return record.len <= UINT8_MAX ? HELLO_MALFORMED : HELLO_NOT_TLS;
	if (record.len > 0 && left.left == 0)
		return HELLO_MORE;
	return record.len == 0 || left.at[0] == CLIENT_HELLO ? HELLO_DONE : HELLO_NOT_TLS;
}

static enum hello_result within_bound(enum hello_result result, size_t len)
{
	return result == HELLO_MORE && len == HELLO_MAX ? HELLO_MALFORMED : result;
}

enum hello_result hello_client(const uint8_t *bytes, size_t len, struct hello *out)
{
	*out = (struct hello){ 0 };
	if (len > HELLO_MAX)
		len = HELLO_MAX;
	enum hello_result looks = looks_like_tls(bytes, len);
	return looks == HELLO_DONE ? within_bound(read_hello(bytes, len, out), len) : looks;
}

/* RFC 8446, 4.2.10, D.4: what a server passes over while it waits for the second hello. Behind an alert it waits on or is gone. */
static bool before_second(const struct record *record, bool early_data)
{
	if (record->type == CHANGE_CIPHER_SPEC)
		return record->len == 1;
	if (record->type == ALERT)
		return record->len == 2;
	return record->type == APPLICATION_DATA && early_data && record->len <= RECORD_CIPHERTEXT_MAX;
}

enum hello_result hello_second(const uint8_t *bytes, size_t len, bool early_data, struct hello *out)
{
	struct cursor left;
	struct record record;
	*out = (struct hello){ 0 };
	if (len > HELLO_MAX)
		len = HELLO_MAX;
	left = (struct cursor){ bytes, len };
	if (!take_record(&left, &record))
		return HELLO_MORE;
	if (before_second(&record, early_data)) {
		out->consumed = RECORD_HEADER + record.len;
		return HELLO_SKIP;
	}
	return within_bound(read_hello(bytes, len, out), len);
}

bool hello_same(const struct hello *first, const struct hello *second)
{
	return first->has_name == second->has_name && first->ech == second->ech &&
	       first->name_len == second->name_len && memcmp(first->name, second->name, first->name_len) == 0;
}

/* The message's first bytes: type, length, version, random */
static enum hello_server judge_server(const uint8_t *message, size_t len)
{
	if (len > 0 && message[0] != SERVER_HELLO)
		return HELLO_SERVER_RETRY;
	if (len < MESSAGE_HEADER + VERSION_AND_RANDOM)
		return HELLO_SERVER_MORE;
	return memcmp(message + MESSAGE_HEADER + 2, retry_random, sizeof retry_random) == 0 ? HELLO_SERVER_RETRY :
											      HELLO_SERVER_OTHER;
}

/* Alerts that are a warning may come before it, and a change_cipher_spec */
enum hello_server hello_server(const uint8_t *bytes, size_t len)
{
	uint8_t message[HELLO_SERVER_MAX];
	size_t got = 0;
	bool whole = len >= HELLO_SERVER_MAX;
	struct cursor left = { bytes, whole ? HELLO_SERVER_MAX : len }, here = { bytes, 0 };
	struct record record;
	enum hello_server result = HELLO_SERVER_MORE;
	while (result == HELLO_SERVER_MORE && left.left > 0) {
		size_t type = left.at[0];
		if (type != HANDSHAKE && type != ALERT && type != CHANGE_CIPHER_SPEC)
			return HELLO_SERVER_OTHER;
		if (!take_record(&left, &record))
			break;
		take(&left, record.len < left.left ? record.len : left.left, &here);
		if (type == HANDSHAKE) {
			memcpy(message + got, here.at, here.left);
			got += here.left;
			result = judge_server(message, got);
		}
	}
	return result == HELLO_SERVER_MORE && whole ? HELLO_SERVER_RETRY : result;
}
