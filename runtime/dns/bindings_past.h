/* What the bindings were: for flows that outlive the binding by whose name they were let pass. */
#pragma once
#include "dns/bindings.h"

/* The names that an address had at a time, as the evaluator wants them, of what is remembered: the last BINDINGS_ENDED that are over, and
 * those that are not. */
struct bindings_past {
	const struct bindings *bindings;
	bool has_when;    /* false: whatever names it has or had */
	uint64_t when_ms; /* as bindings_set()'s now_ms */
};
/* Until the next bindings_set(); *past is the caller's, and must stay where it is for as long */
struct eval_bindings bindings_past_view(const struct bindings_past *past);
