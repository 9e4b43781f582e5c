/* Everything that is worth knowing about a sandbox, section by section. */
#include "sandbox/answers.h"
#include "sandbox/setup.h"

json_t *answer_status(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	json_t *answer = answer_ps(self, request, call);

	json_object_set_new(answer, "generation", json_integer((json_int_t)reload_generation(sandbox->reload)));
	json_object_set_new(answer, "grants", reload_grants(sandbox->reload));
	return answer;
}
