/* A language server: the findings, explanations and layout of msb-policyc for editors, by the Language Server Protocol
 * 3.17. It is given the bytes of a client and hands on those of its answers; it reads files only as policies include
 * them, writes none, and starts nothing. */
#pragma once
#include "base/address.h"
#include "policy/options.h"

struct lsp_options {
	const struct policy_options *policy; /* of every policy; `files` is not looked at */
	struct addr_gateway gateway;
	const char *const *disabled; /* findings not to report */
	size_t disabled_count;
	bool alone; /* no file is read: only what is open is there */
};

struct lsp;

/* `options` stays the caller's, who may change it between calls. `send` is given whole messages. */
struct lsp *lsp_new(const struct lsp_options *, void (*send)(void *context, const char *bytes, size_t len),
		    void *context);
void lsp_free(struct lsp *);
/* Bytes as they come, of any number of messages. false: the session is over, by `exit` or since what came is no
 * protocol. */
bool lsp_feed(struct lsp *, const char *bytes, size_t len);
/* Nothing more has come for now: sends the findings that changed. */
void lsp_idle(struct lsp *);
/* 0 after `shutdown`, else 1 */
int lsp_exit_status(const struct lsp *);
