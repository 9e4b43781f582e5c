/* Everything that a policy was made from as one JSON text: its options, the text of every file that was read, and the grants
 * in front of it. From that it is made again anywhere, by a process that reads no file and has no clock; it means the same,
 * and its places are the same.
 *
 *     {"version":1,"file":"agent.msb","options":[["net-rule","allow@public"],["no-server-names"]],
 *      "files":[{"name":"agent.msb","text":"…"}],"floors":[…],"grants":[{"id":1,"rule":"allow@pypi.org:tcp:443"}]} */
#pragma once
#include "policy/options.h"

struct policy_bundle {
	struct policy_options options; /* the grants among them */
	const char *file;              /* as options_resolve() takes it; NULL: none */
	struct source_texts files, floors;
};

/* What the policy was made from. It shares the policy's texts. false: a file is no UTF-8, which JSON has no words for */
bool policy_bundle_of(struct arena *, const struct policy *, struct policy_bundle *out);
/* The JSON text; NULL where it has no room in memory */
char *policy_bundle_write(struct arena *, const struct policy_bundle *, size_t *len);
/* The other way round: NULL, or what is wrong with the text, with nothing of use in *out */
const char *policy_bundle_read(struct arena *, const char *text, size_t len, struct policy_bundle *out);
/* Never NULL; with errors in `diags` the policy must not be used. The bundle must outlive it, the texts in it need not. */
struct policy *policy_bundle_resolve(const struct policy_bundle *, struct diags *);

/* What a running sandbox keeps whatever policy it is given: its floors and its deployment profile with the day they are
 * judged by, and the grants. NULL; or why `wanted`, which asks for others, cannot be taken. */
const char *policy_bundle_keep(struct policy_bundle *wanted, const struct policy_bundle *running);

/* Both ways in one go */
char *policy_bundle(struct arena *, const struct policy *, size_t *len);
/* NULL: no bundle; `diags` say why, or what is wrong with the policy */
struct policy *policy_unbundle(struct arena *, const char *text, size_t len, struct diags *);
