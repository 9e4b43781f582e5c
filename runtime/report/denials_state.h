/* What the files of the denials share, nobody else. An event is made by denials_lookups, denials_flows, denials_limits or denials_log,
 * by who tells of it; denials_report counts it, has it written and, where it is the first of its kind, printed by denials_lines. */
#pragma once
#include "report/denials.h"
#include "report/denials_lines.h"
#include "report/events.h"
#include "report/meters.h"
#include "report/reason.h"

struct nl;
struct denials {
	const struct run_config *config;
	struct eval_context context; /* the policy in force; bindings only while the log is read */
	struct arena *arena;         /* of the reasons */
	struct reasons *reasons;
	struct nl *nflog, *host_log; /* of the two namespaces */
	struct unreported *unreported;
	struct limit_numbers limits;
	bool limit_known[OVER_COUNT], dns_limit_known[POLICY_DNS_LIMITS]; /* has been printed */
	struct meters meters;
	struct events *events;
	denials_ended *ended;
	const void *ended_self;
	struct denials_lines lines;
	struct suggestions *suggestions; /* NULL: not wanted */
	struct learning *learning;       /* NULL: not wanted */
	struct hits hits;
	struct denials_count {
		size_t total, different;
	} denied, audited; /* the latter: what would have been denied */
	uint64_t started_ms;
};

/* ---- denials_report ---- */

/* "audit" where an audit lets it pass all the same, else "deny" */
const char *denials_kind(bool spared);
bool denials_is_audit(const struct event *);
/* What a run that learns is alone to know; the event's rule is its bound's from here on. */
bool denials_is_learnt_alone(const struct denials *, struct event *);
/* Frees the arena, which has the event's texts. */
void denials_report(struct denials *, struct arena *, struct event *);
/* Likewise, of what a limit refused: it decides by number, not by flow, so each has one line, of the first flow that met it. `what`
 * refused it; `raise`: what raises the limit, or NULL. */
void denials_report_limit(struct denials *, struct arena *, const struct event *, bool first, const char *what,
			  const char *raise);
/* An event of that kind on a connection, as far as the connection tells */
struct event denials_event_on(const struct denials *, struct arena *, const char *kind, const struct eval_connection *,
			      struct eval_verdict, const struct reason *);
/* The rule that would let it pass; NULL: none is offered */
const struct suggestion *denials_offer(const struct denials *, struct arena *, const struct eval_connection *,
				       struct eval_verdict, const char *name);
const char *denials_class(const struct denials *, struct addr);
struct nflog_packet;
/* The way out that a packet of the log went */
struct eval_connection denials_connection(const struct nflog_packet *);

/* ---- denials_limits ---- */

/* A packet that a limit refused is reported; false: it is none such. `host`: in the host's namespace */
bool denials_limited_packet(struct denials *, const struct nflog_packet *, bool host);
