/* What comes over the control socket, in pieces, from whoever was let in: each whole line gets one line back, which is JSON. */
#include "control/control_client.h"
#include "control/control_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct control_command commands[] = { { .name = "ps" }, { .name = "reload", .large = true }, { 0 } };

static void ask(const char *line, size_t len)
{
	const struct control_command *command;
	json_t *error = NULL, *request = control_request_parse(commands, line, len, &command, &error);
	size_t out_len;

	if (!request == !error || (request && !command))
		abort(); /* one of the two */
	char *out = control_answer_line(request ? request : error, &out_len);
	json_t *back = out_len && out[out_len - 1] == '\n' ? json_loadb(out, out_len - 1, 0, NULL) : NULL;
	if (!json_is_object(back) || memchr(out, '\n', out_len - 1))
		abort(); /* it is no line that a client understands */
	json_decref(back);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct control_client client = { .fd = -1 };
	int pair[2];
	const char *line;
	size_t len;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
		return 0;
	client.fd = pair[0];
	for (size_t at = 0; at < size;) {
		size_t piece = size - at > 100 ? 100 : size - at;
		if (send(pair[1], data + at, piece, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)piece)
			abort();
		at += piece;
		control_client_read(&client, CONTROL_REQUEST_MAX);
		while ((line = control_client_line(&client, &len))) {
			ask(line, len);
			control_client_drop_line(&client, len);
		}
	}
	control_client_free(&client);
	close(pair[1]);
	return 0;
}
