/* Who decided: what an answer about a flow, a query or a whole class of them is attributed to. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

enum decider_kind {
	DECIDER_NONE,    /* nobody, or not known */
	DECIDER_RULE,    /* a rule of the policy */
	DECIDER_DEFAULT, /* the direction's default, where no rule matched */
	DECIDER_FLOOR,   /* one of the policy's floors, whatever its own rules say */
	DECIDER_REFUSED, /* a port that is refused whatever the rules say */
	DECIDER_HIDDEN,  /* a rule on names, since QUIC or ECH hides the server name that it would judge */
	DECIDER_REBIND,  /* rebind protection, which held the answer of a lookup back */
	DECIDER_LABEL,   /* `limit dns label`, of a lookup that would pass otherwise */
	DECIDER_NODE,    /* a pod's node, which may connect in unless a rule shuts it out */
	DECIDER_SEVERAL, /* not one: within a class of flows the deciders differ */
};

struct decider {
	enum decider_kind kind;
	/* Indices from 0; 0 where they mean nothing, so that deciders compare by their members. Of a floor that has so
	 * few rules, `rule` is its default. */
	size_t rule;  /* DECIDER_RULE, DECIDER_HIDDEN, DECIDER_FLOOR */
	size_t floor; /* DECIDER_FLOOR */
};

static inline struct decider decided_by(enum decider_kind kind)
{
	return (struct decider){ .kind = kind };
}

static inline struct decider decided_by_rule(size_t rule)
{
	return (struct decider){ .kind = DECIDER_RULE, .rule = rule };
}

static inline struct decider decided_by_hidden(size_t rule)
{
	return (struct decider){ .kind = DECIDER_HIDDEN, .rule = rule };
}

static inline struct decider decided_by_floor(size_t floor, size_t rule)
{
	return (struct decider){ .kind = DECIDER_FLOOR, .rule = rule, .floor = floor };
}

/* Of those of one kind, each has another */
static inline size_t decider_number(struct decider decider)
{
	return decider.rule * 64 + decider.floor;
}

static inline bool decider_is_rule(struct decider decider, size_t rule)
{
	return decider.kind == DECIDER_RULE && decider.rule == rule;
}

static inline bool decider_equal(struct decider a, struct decider b)
{
	return a.kind == b.kind && a.rule == b.rule && a.floor == b.floor;
}
