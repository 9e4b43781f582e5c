/* A session: messages (JSON-RPC 2.0) to the functions that answer them, by one table. */
#include "lsp/lsp_state.h"

#include <stdlib.h>
#include <string.h>

static json_t *on_initialized(struct lsp *, struct lsp_request *);
static json_t *on_shutdown(struct lsp *, struct lsp_request *);
static json_t *on_nothing(struct lsp *, struct lsp_request *);

static const struct method {
	const char *name;
	bool answered; /* a request, else a notification */
	json_t *(*handle)(struct lsp *, struct lsp_request *);
} methods[] = {
	{ "initialize", true, lsp_initialize },
	{ "initialized", false, on_initialized },
	{ "shutdown", true, on_shutdown },
	{ "textDocument/didOpen", false, lsp_did_open },
	{ "textDocument/didChange", false, lsp_did_change },
	{ "textDocument/didClose", false, lsp_did_close },
	{ "textDocument/didSave", false, lsp_did_save },
	{ "workspace/didChangeWatchedFiles", false, lsp_did_save },
	{ "$/cancelRequest", false, on_nothing }, /* all before it is answered already */
	{ "textDocument/hover", true, lsp_hover },
	{ "textDocument/completion", true, lsp_completion },
	{ "textDocument/definition", true, lsp_definition },
	{ "textDocument/references", true, lsp_references },
	{ "textDocument/prepareRename", true, lsp_prepare_rename },
	{ "textDocument/rename", true, lsp_rename },
	{ "textDocument/documentSymbol", true, lsp_symbols },
	{ "textDocument/formatting", true, lsp_formatting },
	{ "textDocument/codeAction", true, lsp_code_action },
	{ "textDocument/codeLens", true, lsp_code_lens },
};

struct lsp *lsp_new(const struct lsp_options *options, void (*send)(void *context, const char *bytes, size_t len),
		    void *context)
{
	struct lsp *lsp = arena_must(calloc(1, sizeof *lsp));

	lsp->options = options;
	lsp->send = send;
	lsp->context = context;
	lsp->published = json_object();
	return lsp;
}

void lsp_free(struct lsp *lsp)
{
	lsp_documents_free(lsp);
	json_decref(lsp->published);
	free(lsp->frame.bytes);
	free(lsp);
}

/* ---- what is sent ---- */

static void send_result(struct lsp *lsp, json_t *id, json_t *result)
{
	lsp_send(lsp, json_pack("{s:O, s:o}", "id", id, "result", result ? result : json_null()));
}

/* id NULL: of a message that has none, or of which it could not be read */
static void send_error(struct lsp *lsp, json_t *id, int code, const char *message)
{
	lsp_send(lsp, json_pack("{s:o, s:{s:i, s:s}}", "id", id ? json_incref(id) : json_null(), "error", "code", code,
				"message", message));
}

/* ---- the session's own methods ---- */

/* Files that a policy includes change on disk, too. */
static json_t *on_initialized(struct lsp *lsp, struct lsp_request *request)
{
	(void)request;
	if (lsp->watches)
		lsp_send(lsp, json_pack("{s:s, s:s, s:{s:[{s:s, s:s, s:{s:[{s:s}]}}]}}", "id", "watch", "method",
					"client/registerCapability", "params", "registrations", "id", "watch", "method",
					"workspace/didChangeWatchedFiles", "registerOptions", "watchers", "globPattern",
					"**/*.msb"));
	return NULL;
}

static json_t *on_shutdown(struct lsp *lsp, struct lsp_request *request)
{
	(void)request;
	lsp->phase = LSP_SHUT_DOWN;
	return NULL;
}

static json_t *on_nothing(struct lsp *lsp, struct lsp_request *request)
{
	(void)lsp;
	(void)request;
	return NULL;
}

/* ---- what comes ---- */

static const struct method *find_method(const char *name)
{
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (!strcmp(methods[i].name, name))
			return &methods[i];
	return NULL;
}

/* Whether the session is at a point where the method may come; else a request is answered why not. */
static bool in_order(struct lsp *lsp, const char *name, json_t *id)
{
	bool first = !strcmp(name, "initialize");

	if (lsp->phase == LSP_RUNNING && !first)
		return true;
	if (lsp->phase == LSP_NEW && first && id)
		return true;
	if (!id)
		return false;
	if (lsp->phase == LSP_NEW)
		send_error(lsp, id, LSP_NOT_INITIALIZED, "`initialize` comes first");
	else
		send_error(lsp, id, LSP_INVALID_REQUEST,
			   first ? "`initialize` comes once" : "nothing but `exit` may follow `shutdown`");
	return false;
}

static void dispatch(struct lsp *lsp, const char *name, json_t *id, const json_t *params)
{
	const struct method *method = find_method(name);
	struct lsp_request request = { .arena = NULL, .params = params };
	json_t *result;

	if (!in_order(lsp, name, id))
		return;
	if (!method || method->answered != (id != NULL)) {
		if (id)
			send_error(lsp, id, LSP_METHOD_NOT_FOUND, "no such method");
		return;
	}
	request.arena = arena_new();
	result = method->handle(lsp, &request);
	if (id && request.error)
		send_error(lsp, id, request.error, request.message);
	else if (id)
		send_result(lsp, id, result);
	else
		json_decref(result);
	arena_free(request.arena);
}

static void take_object(struct lsp *lsp, const json_t *message)
{
	json_t *id = json_object_get(message, "id");
	const json_t *method = json_object_get(message, "method"), *params = json_object_get(message, "params");

	if (!method && (json_object_get(message, "result") || json_object_get(message, "error")))
		return; /* an answer, to what we need none of */
	if (id && !json_is_integer(id) && !json_is_string(id)) {
		send_error(lsp, NULL, LSP_INVALID_REQUEST, "`id` is a number or a string");
		return;
	}
	if (!json_is_string(method) || (params && !json_is_object(params) && !json_is_array(params))) {
		send_error(lsp, id, LSP_INVALID_REQUEST, "a request has a `method` and perhaps `params`");
		return;
	}
	if (!strcmp(json_string_value(method), "exit")) {
		lsp->orderly = lsp->phase == LSP_SHUT_DOWN;
		lsp->phase = LSP_ENDED;
		return;
	}
	dispatch(lsp, json_string_value(method), id, params);
}

static void take_message(struct lsp *lsp, const char *bytes, size_t len)
{
	json_t *message = json_loadb(bytes, len, JSON_ALLOW_NUL, NULL);

	if (!message)
		send_error(lsp, NULL, LSP_PARSE_ERROR, "no JSON");
	else if (!json_is_object(message))
		send_error(lsp, NULL, LSP_INVALID_REQUEST, "a message is one JSON object");
	else
		take_object(lsp, message);
	json_decref(message);
}

bool lsp_feed(struct lsp *lsp, const char *bytes, size_t len)
{
	const char *message;

	frame_add(&lsp->frame, bytes, len);
	while (lsp->phase != LSP_ENDED)
		switch (frame_next(&lsp->frame, &message, &len)) {
		case FRAME_MESSAGE:
			take_message(lsp, message, len);
			break;
		case FRAME_TOO_LONG:
			send_error(lsp, NULL, LSP_INVALID_REQUEST, "the message is too long");
			break;
		case FRAME_BROKEN:
			send_error(lsp, NULL, LSP_PARSE_ERROR, "no `Content-Length` header");
			lsp->phase = LSP_ENDED;
			break;
		case FRAME_MORE:
			return true;
		}
	return false;
}

void lsp_idle(struct lsp *lsp)
{
	if (lsp->phase == LSP_RUNNING)
		lsp_publish(lsp);
}

int lsp_exit_status(const struct lsp *lsp)
{
	return lsp->orderly || lsp->phase == LSP_SHUT_DOWN ? 0 : 1;
}
