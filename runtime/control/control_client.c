/* Buffers that grow as they are needed, and are gone when they are empty. */
#include "control/control_client.h"
#include "core/fd.h"

#include <string.h>
#include <sys/socket.h>

#define READ_STEP 4096u
#define READ_A_TURN (256u << 10) /* others want to be served, too */

static int reserve(char **bytes, size_t *cap, size_t wanted)
{
	size_t size = *cap ? *cap : READ_STEP;

	while (size < wanted)
		size *= 2;
	if (size == *cap)
		return 0;
	char *grown = realloc(*bytes, size);
	if (!grown)
		return -ENOMEM;
	*bytes = grown;
	*cap = size;
	return 0;
}

static void release(char **bytes, size_t *cap)
{
	free(*bytes);
	*bytes = NULL;
	*cap = 0;
}

int control_client_read(struct control_client *client, size_t most)
{
	for (size_t turn = 0; turn < READ_A_TURN; turn += READ_STEP) {
		if (client->in_len > most)
			return -EMSGSIZE;
		int error = reserve(&client->in, &client->in_cap, client->in_len + READ_STEP);
		if (error < 0)
			return error;
		ssize_t got = recv(client->fd, client->in + client->in_len, READ_STEP, MSG_DONTWAIT);
		if (got < 0)
			return errno == EINTR || errno == EAGAIN ? (turn ? 0 : -EAGAIN) : -errno;
		if (got == 0) {
			client->ended = true;
			return 0;
		}
		bool whole = memchr(client->in + client->in_len, '\n', (size_t)got);
		client->in_len += (size_t)got;
		if (whole)
			return 0;
	}
	return 0;
}

const char *control_client_line(struct control_client *client, size_t *len)
{
	size_t left = client->in_len - client->searched;
	const char *end = left ? memchr(client->in + client->searched, '\n', left) : NULL;

	client->searched = end ? (size_t)(end - client->in) : client->in_len;
	if (!end)
		return NULL;
	*len = (size_t)(end - client->in);
	return client->in;
}

void control_client_drop_line(struct control_client *client, size_t len)
{
	client->in_len -= len + 1;
	client->searched = 0;
	if (client->in_len)
		memmove(client->in, client->in + len + 1, client->in_len);
	else
		release(&client->in, &client->in_cap);
}

int control_client_add(struct control_client *client, const char *bytes, size_t len, size_t most)
{
	if (len > most || client->out_len > most - len)
		return -ENOSPC;
	int error = reserve(&client->out, &client->out_cap, client->out_len + len);
	if (error < 0)
		return error;
	memcpy(client->out + client->out_len, bytes, len);
	client->out_len += len;
	return 0;
}

int control_client_flush(struct control_client *client)
{
	size_t sent = 0;

	while (sent < client->out_len) {
		ssize_t now = send(client->fd, client->out + sent, client->out_len - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (now < 0 && errno == EINTR)
			continue;
		if (now < 0 && errno == EAGAIN)
			break;
		if (now < 0)
			return -errno;
		sent += (size_t)now;
	}
	client->out_len -= sent;
	if (!client->out_len)
		release(&client->out, &client->out_cap);
	else if (sent)
		memmove(client->out, client->out + sent, client->out_len);
	return 0;
}

void control_client_free(struct control_client *client)
{
	if (client->fd >= 0)
		close(client->fd);
	free(client->in);
	free(client->out);
	*client = (struct control_client){ .fd = -1 };
}
