/* What waits for an answer: names that were looked up and flows, each once however often it is tried. Given the time; does nothing by
 * itself. */
#pragma once
#include "base/address.h"
#include "base/name.h"
#include "policy/policy.h"

#define QUESTIONS_MAX 64
#define QUESTION_HOLD_MS 30000           /* a flow is held in silence, then refused */
#define QUESTION_LIFE_MS (5 * 60 * 1000) /* from its last try on it may still be answered */

struct question {
	uint32_t id; /* from 1; 0: none is here */
	bool is_name;
	char name[NAME_TEXT_MAX]; /* that was looked up; of a flow, that its address was known by, or "" */
	struct addr addr;         /* the rest is a flow's */
	enum policy_proto proto;  /* PROTO_TCP or PROTO_UDP */
	uint16_t port;
	bool refused;                /* it was held for as long as it may be */
	uint64_t asked_ms, tried_ms; /* first, last */
	uint64_t tries;
	char *rule; /* that is offered; the table frees it */
};

struct questions {
	struct question items[QUESTIONS_MAX];
	size_t count;
	uint32_t last_id;
};

/* The one about it, which it has joined by one try or several; or a new one, whose *fresh is set and whose rule is the caller's to
 * set; NULL: there are as many as may be */
struct question *questions_name(struct questions *, const char *name, uint64_t tries, uint64_t now_ms, bool *fresh);
struct question *questions_flow(struct questions *, struct addr, enum policy_proto, uint16_t port, uint64_t now_ms,
				bool *fresh);
struct question *questions_find(struct questions *, uint32_t id);
void questions_drop(struct questions *, struct question *);
void questions_free(struct questions *); /* what they hold */

/* A flow that has been held for as long as it may be, and is to be refused; NULL: none */
struct question *questions_overdue(struct questions *, uint64_t now_ms);
/* One that nobody has tried for so long that it is over; NULL: none */
struct question *questions_over(struct questions *, uint64_t now_ms);
/* When the next is either; UINT64_MAX: never */
uint64_t questions_next_ms(const struct questions *);
