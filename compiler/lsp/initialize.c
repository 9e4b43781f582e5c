/* What client and server can do. */
#include "lsp/lsp_state.h"

#include <string.h>

static bool has_word(const json_t *list, const char *word)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		if (item && !strcmp(item, word))
			return true;
	}
	return false;
}

static const json_t *capability(const struct lsp_request *request, const char *part, const char *feature)
{
	const json_t *all = json_object_get(request->params, "capabilities");

	return json_object_get(json_object_get(all, part), feature);
}

static const char server[] =
	"{\"capabilities\": {"
	"  \"textDocumentSync\": {\"openClose\": true, \"change\": 2, \"save\": true},"
	"  \"hoverProvider\": true,"
	"  \"completionProvider\": {\"triggerCharacters\": [\"@\", \":\", \"{\", \",\", \" \", \"\\\"\", \"/\"]},"
	"  \"definitionProvider\": true,"
	"  \"referencesProvider\": true,"
	"  \"renameProvider\": {\"prepareProvider\": true},"
	"  \"documentSymbolProvider\": true,"
	"  \"documentFormattingProvider\": true,"
	"  \"codeActionProvider\": {\"codeActionKinds\": [\"quickfix\"]},"
	"  \"codeLensProvider\": {}},"
	" \"serverInfo\": {\"name\": \"msb-policyc\", \"version\": \"" MSB_VERSION "\"}}";

json_t *lsp_initialize(struct lsp *lsp, struct lsp_request *request)
{
	const json_t *formats = json_object_get(capability(request, "textDocument", "hover"), "contentFormat");
	bool bytes = has_word(capability(request, "general", "positionEncodings"), "utf-8");
	json_t *result = json_loads(server, 0, NULL);

	lsp->phase = LSP_RUNNING;
	lsp->encoding = bytes ? LSP_UTF8 : LSP_UTF16;
	lsp->plain_hover = !has_word(formats, "markdown");
	lsp->watches = json_is_true(
		json_object_get(capability(request, "workspace", "didChangeWatchedFiles"), "dynamicRegistration"));
	json_object_set_new(json_object_get(result, "capabilities"), "positionEncoding",
			    json_string(bytes ? "utf-8" : "utf-16"));
	return result;
}
