/* Asking instead of denying (msb-run --ask). What no rule decides waits: the packet filter drops the flow's packets in silence and
 * tells of them, the DNS worker holds the query (dns/dns_asking.c). What it is about is kept here until it is answered, which takes
 * a rule in front of the policy for a time, or until nobody has tried it for QUESTION_LIFE_MS. A flow is refused, by the packet filter
 * alone, when it has waited for QUESTION_HOLD_MS, and at once while there are as many questions as may be. What a rule, a floor, rebind
 * protection or a limit denies is never asked about, nor metadata services, the host, and what is refused whatever the rules say. */
#pragma once
#include "ask/questions.h"
#include "eval/eval.h"
#include "netlink/nft_install.h"

struct ask;
struct denials;
struct ask_start {
	const struct policy *policy;
	struct addr_gateway gateway;
	struct nft *nft;         /* whose table msb was made with lower_options.ask; borrowed, as is the next */
	struct denials *denials; /* NULL: nobody is told */
};
/* In the VM's network namespace. NULL and errno on failure, with a line on standard error. */
struct ask *ask_open(const struct ask_start *);
void ask_close(struct ask *);   /* NULL is fine */
int ask_fd(const struct ask *); /* readable: ask_read() */
void ask_read(struct ask *, struct eval_bindings);
/* The guest has looked up a name (canonical) that no rule decides, once or several times. Whether it may wait for an answer; false: it
 * is to be denied at once. */
bool ask_name(struct ask *, const char *name, uint64_t tries);

/* Refuses flows that have waited for long enough, and forgets what is over. ask_wait(): milliseconds until then; -1: never */
void ask_settle(struct ask *);
int ask_wait(const struct ask *);

/* NULL: no such question. It holds until any other call of these. */
const struct question *ask_find(struct ask *, uint32_t id);
/* The next one in the order of their ids, of those behind `after`; NULL: none */
const struct question *ask_next(const struct ask *, uint32_t after);
/* As the evaluator's command line has it: "egress@1.1.1.1:tcp:443", "dns@pypi.org:udp" */
const char *ask_flow_text(struct arena *, const struct question *);
/* What becomes of it under the policy in force. Allowed, too, is a flow whose server name will decide. */
struct eval_verdict ask_judge(const struct ask *, const struct question *, struct eval_bindings);

/* Another policy. Its ruleset is to hold these, in the transaction that puts it in force: room for ASK_ELEMENTS_MAX */
#define ASK_ELEMENTS_MAX (QUESTIONS_MAX + 2)
size_t ask_elements(const struct ask *, struct nft_element *);
/* It is in force: what it decides is asked no more */
void ask_use_policy(struct ask *, const struct policy *, struct eval_bindings);
