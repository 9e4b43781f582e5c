/* The first bytes of a TLS connection: which server name a ClientHello carries, and whether the server asks for a second one. Given are
 * all bytes from the start so far; nothing is kept, nothing allocated. Once the answer is another than MORE, more bytes do not change it. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_MAX 16384      /* bytes of a hello, its records' headers among them; what is longer is malformed */
#define HELLO_NAME_MAX 255   /* a longer name is malformed, too */
#define HELLO_SERVER_MAX 512 /* by then hello_server() knows */

enum hello_result {
	HELLO_MORE,
	HELLO_NOT_TLS,   /* the first record only: nothing that a TLS server could take for a hello */
	HELLO_SKIP,      /* hello_second() only: `consumed` bytes go before the hello, not all of them here perhaps */
	HELLO_MALFORMED, /* or not alone in its records, or too long */
	HELLO_DONE,
};

struct hello {
	bool has_name;
	bool ech;        /* encrypted ClientHello, or what is sent to look like it: the name is the outer one */
	bool early_data; /* records of application data may follow before the server has answered */
	uint8_t name_len;
	uint8_t name[HELLO_NAME_MAX]; /* as sent, of any bytes; not terminated */
	size_t consumed;              /* of the bytes: the hello's records and no more */
};

/* A client's first bytes. *out is valid after HELLO_DONE. */
enum hello_result hello_client(const uint8_t *bytes, size_t len, struct hello *out);
/* What a client sends after a HelloRetryRequest. On HELLO_SKIP, `consumed` bytes are passed on and those behind them given next. */
enum hello_result hello_second(const uint8_t *bytes, size_t len, bool early_data, struct hello *out);
/* Whether the second hello says what the first has (RFC 8446, 4.1.2: it must) */
bool hello_same(const struct hello *first, const struct hello *second);

enum hello_server {
	HELLO_SERVER_MORE,
	HELLO_SERVER_RETRY, /* a HelloRetryRequest, or what cannot be told from one: a second hello is to come */
	HELLO_SERVER_OTHER,
};
/* What a server sends after the hello */
enum hello_server hello_server(const uint8_t *bytes, size_t len);
