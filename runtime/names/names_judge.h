/* The flows that wait for their server names, and the verdict on what the worker says of one. All that comes from the worker is
 * checked: what it says of a flow it was given decides that flow and no other; what makes no sense is an error. */
#pragma once
#include "names/names_protocol.h"
#include "report/denials.h"

struct names_judge;
/* NULL: no memory. The policy must outlive it. `spared`: of an audit; NULL: none. `room`: how many may wait. */
struct names_judge *names_judge_new(const struct policy *, const struct policy *spared, const struct addr_gateway *,
				    size_t room);
void names_judge_free(struct names_judge *); /* NULL is fine */
/* A flow that waits, judged later by the names that its address has now: a connection outlives its binding. Its serial;
 * NAMES_NO_SERIAL: there is no room. */
uint32_t names_judge_open(struct names_judge *, const struct eval_connection *, struct eval_bindings now);
/* Into the message that hands the flow on: a name of its address's that is allowed as its server name, and that nobody logs */
void names_judge_foresee(const struct names_judge *, uint32_t serial, struct names_message *pair);
/* It is not handed on */
void names_judge_drop(struct names_judge *, uint32_t serial);
/* 1: *verdict is to be sent; 0: nothing is; -EPROTO: no honest worker sends that. denials may be NULL. */
int names_judge_ask(struct names_judge *, const struct names_ask *, struct eval_bindings now, struct denials *,
		    struct names_message *verdict);
