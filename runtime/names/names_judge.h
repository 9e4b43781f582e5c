/* The flows that wait for their server names, and the verdict on what the worker says of one. All that comes from the worker is
 * checked: what it says of a flow it was given decides that flow and no other; what makes no sense is an error. */
#pragma once
#include "names/names.h"
#include "names/names_protocol.h"
#include "netlink/conntrack_entry.h"
#include "report/denials.h"

struct names_judge;
/* NULL: no memory. The policy must outlive it. `spared`: of an audit; NULL: none. `room`: how many may wait. */
struct names_judge *names_judge_new(const struct policy *, const struct policy *spared, const struct addr_gateway *,
				    size_t room);
/* Another one, which judges what waits, too */
void names_judge_use_policy(struct names_judge *, const struct policy *);
void names_judge_free(struct names_judge *); /* NULL is fine */
/* A flow that waits, judged later by the names that its address has now: a connection outlives its binding. Its serial;
 * NAMES_NO_SERIAL: there is no room. */
uint32_t names_judge_open(struct names_judge *, const struct eval_connection *, struct eval_bindings now);
/* Into the message that hands the flow on: a name of its address's that is allowed as its server name, and that nobody logs */
void names_judge_foresee(const struct names_judge *, uint32_t serial, struct names_message *pair);
/* Who began it, and when: for listing it */
struct names_origin {
	struct addr guest;
	uint16_t guest_port;
	bool judged;                /* by its server name */
	struct conntrack_tuple far; /* what was connected for it, as conntrack has it; proto 0: nothing that it has */
	uint64_t began_ms;
};
void names_judge_note(struct names_judge *, uint32_t serial, const struct names_origin *);
/* How the bytes of what was connected for a flow are counted by a rule's own limit: 0 or -errno. Without it, no such rule lets anything
 * pass here. */
typedef int names_count(void *self, const struct conntrack_tuple *far, uint32_t meter);
void names_judge_count_with(struct names_judge *, names_count *, void *self);
/* By the rule that lets it pass as long as it has not said a name; false: it is not let pass */
bool names_judge_count_unnamed(struct names_judge *, uint32_t serial, const struct eval_connection *,
			       struct eval_bindings now, struct denials *);
int names_judge_meter(struct names_judge *, uint32_t serial, uint32_t meter); /* names_meter() */
/* It is not handed on */
void names_judge_drop(struct names_judge *, uint32_t serial);
/* 1: *verdict is to be sent; 0: nothing is; -EPROTO: no honest worker sends that. denials may be NULL. */
int names_judge_ask(struct names_judge *, const struct names_ask *, struct eval_bindings now, struct denials *,
		    struct names_message *verdict);

/* See names.h: names_tell_ended(), names_flows(), names_end(), names_ending(), names_settle(). `tell` says it to the worker: 0, -EAGAIN: later, or an error,
 * which is the result. */
void names_judge_tell_ended(struct names_judge *, void (*ended)(void *self, const struct names_flow *), void *self);
int names_judge_flows(struct names_judge *, struct eval_bindings now,
		      int (*each)(const struct names_flow *, void *context), void *context);
int names_judge_end(struct names_judge *, uint32_t serial);
size_t names_judge_ending(const struct names_judge *);
int names_judge_settle(struct names_judge *, uint64_t now_ms, int (*tell)(uint32_t serial, void *context),
		       void *context);
