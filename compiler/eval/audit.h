/* What an audit lets pass although the policy denies it, and reports: neither the metadata services nor the host, nothing that is
 * refused whatever the rules say, and nothing that a floor denies. */
#pragma once
#include "eval/eval.h"

/* The policy's floors and settings under rules that allow all that. In the arena, sharing the policy's parts */
struct policy *audit_policy(struct arena *, const struct policy *);

/* By such a policy `spared`, with the context that the policy itself is asked with; false where it is NULL. A flow into the sandbox
 * is never spared. */
bool audit_spares_connection(const struct policy *spared, const struct eval_context *, const struct eval_connection *);
bool audit_spares_query(const struct policy *spared, const struct eval_context *, const char *name,
			enum flow_transport);
bool audit_spares_answer(const struct policy *spared, const struct eval_context *, const char *name, struct addr);
