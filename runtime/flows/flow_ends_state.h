/* What the files of flows' ends share, nobody else. */
#pragma once
#include "flows/flow_ends.h"
#include "flows/flow_ends_known.h"
#include "flows/flows_state.h"

struct flow_ends {
	struct flow_ends_start start;
	const struct policy *policy;
	int epoll;
	struct nl *watch; /* NULL: nobody wants to know */
	struct known_ids *told;
	struct known_named *named; /* KNOWN_NAMED that have ended, a ring */
	size_t named_next;
	uint64_t changed_ms; /* the policy */
	bool lost;           /* ever */
	bool look;           /* for what was lost */
	uint64_t look_ms, hurry_ms;
};

/* Of whom an end or a beginning is told */
struct flow_ends_subject {
	struct flows_flow flow;
	struct known_named known; /* of one that a server name admitted: what its name points into */
	struct bindings_past past;
	bool spared;
};

/* ---- flow_ends_subject ---- */

/* false: no flow of the guest's */
bool flow_ends_describe(const struct flow_ends *, const struct conntrack_entry *, struct flow_ends_subject *);
/* Of a flow that is described: its names and its verdict */
void flow_ends_judge(const struct flow_ends *, struct flow_ends_subject *);
/* Whether a rule with `log`, or an audit, has it told whatever became of it */
bool flow_ends_is_logged(const struct flow_ends *, const struct flow_ends_subject *);
/* That its address had when it began; NULL: none, or its server name tells more */
const char *flow_ends_name(const struct flows_flow *);
