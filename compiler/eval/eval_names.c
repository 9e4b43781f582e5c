/* What an address is told by. */
#include "eval/eval.h"

static bool take_name(const char *name, void *context)
{
	*(const char **)context = name;
	return true;
}

const char *eval_first_name(const struct eval_bindings *bindings, struct addr addr)
{
	const char *name = NULL;

	if (bindings->any_name)
		bindings->any_name(bindings->self, addr, take_name, &name);
	return name;
}
