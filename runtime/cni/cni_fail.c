/* Errors go to standard output, where runtimes look for them. */
#include "cni/cni.h"
#include "base/escape.h"

#include <stdarg.h>
#include <stdio.h>

int cni_fail(const struct cni_call *call, unsigned code, const char *fmt, ...)
{
	char text[2048];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	json_t *error = json_pack("{s:s, s:i, s:s}", "cniVersion", call->version ? call->version : CNI_VERSION_LATEST,
				  "code", (int)code, "msg", text);
	if (!error) /* the environment's bytes are no UTF-8 */
		error = json_pack("{s:s, s:i, s:s}", "cniVersion", CNI_VERSION_LATEST, "code", (int)code, "msg",
				  escape_json(call->arena, text));
	json_dumpf(error, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(error);
	return (int)code;
}
