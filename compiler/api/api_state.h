/* What the functions of msbpolicy.h share. */
#pragma once
#include "msbpolicy.h"
#include "eval/eval.h"
#include "policy/options.h"

#include <jansson.h>

struct msbpolicy {
	struct arena *arena;
	struct sources *sources;
	struct diags *diags; /* of loading */
	struct policy_options options;
	struct options_list disabled; /* findings' ids */
	struct addr_gateway gateway;
	bool given_gateway;
	int optimise;
	struct policy *policy;
};

/* Sets *error, where it is wanted, to a copy of the text; returns the status. */
int api_fail(char **error, enum msbpolicy_status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* The first error of a list as *error: "agent.msb:3:1: no such group [bad-group]" */
int api_fail_diags(char **error, enum msbpolicy_status, const struct diags *);
/* Whether the policy answers questions: MSBPOLICY_OK, or why not. `expired`: past its date, too */
int api_usable(const struct msbpolicy *, bool expired, char **error);
struct addr_gateway api_gateway(const struct msbpolicy *);
/* A copy that free() ends */
char *api_copy(const char *text);
/* The object as the program prints it; takes the reference */
const char *api_json(struct arena *, json_t *);
/* Stands first in a function of msbpolicy.h that may use jansson: until it returns jansson's memory is there, or the process ends. */
#define API_WORKS bool api_worked __attribute__((cleanup(api_rest))) = api_work()
bool api_work(void);
void api_rest(const bool *);
