/* What explanations say of server names: who looks at them, what hides them. Texts belong to the arena given. */
#pragma once
#include "eval/eval.h"

/* Behind a rule that refuses a flow since QUIC or ECH hides the name that it judges */
const char *explain_hidden_why(const struct eval_connection *);
/* Of a flow so refused: which rule, and what to do. `number` is the rule's, from 1 */
const char *explain_hidden_note(struct arena *, const struct policy_rule *, size_t number,
				const struct eval_connection *);
/* Behind the explanation of a whole flow: whether the relay looks at its server name, and what that decides; or NULL */
const char *explain_names_after(struct arena *, const struct eval_context *, const struct flow *,
				const struct eval_result *);
