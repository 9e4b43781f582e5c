/* Denials: each different one (flow, rule, place, reason) is said once on standard error when it happens, ten at
 * most, then only counted; all of them go to the events file. Refused packets come from the kernel by nflog
 * and are put to the evaluator, which names the rule. */
#pragma once
#include "bindings.h"
#include "config.h"

struct denials;
/* In the VM's network namespace: opens the nflog socket of LOWER_LOG_GROUP. NULL and errno on failure. */
struct denials *denials_open(const struct run_config *, const struct addr_gateway *);
int denials_fd(const struct denials *);
/* Reads what the kernel logged; bindings say which name a refused address was bound to. */
void denials_read(struct denials *, struct bindings *, uint64_t now_ms);
void denials_dns(struct denials *, const char *name, enum flow_transport, struct eval_verdict);
/* The count line, and what waited for the end while standard input was a terminal */
void denials_finish(struct denials *);
void denials_close(struct denials *);
