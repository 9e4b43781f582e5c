/* libmsbpolicy: network policies for other programs: load, check, ask, explain, compile, compare.
 *
 * Errors: functions return one of enum msbpolicy_status. Unless MSBPOLICY_OK is returned, *error is a text for people,
 * the caller's to free by msbpolicy_text_free(); `error` may be NULL. Outputs are NULL after a failure, unless said. Other
 * pointers must not be NULL, unless said.
 *
 * Texts: UTF-8, ended by NUL. Bytes of a policy that are none stand as \xNN. They may hold control characters of the
 * policy: escape them before a terminal shows them.
 *
 * Threads: the library has no state of its own. One policy is one thread's at a time; different policies may be used at
 * the same time.
 *
 * Bounds: a policy's file or text is at most 64 MiB, an included file 1 MiB, a flow 64 KiB. Checking and comparing take
 * bounded time: what would need more is a finding, or an error, `too-complex`.
 *
 * Memory: where none is left the process ends with status 3, after a line on standard error. That aside nothing
 * exits, and nothing is written to any stream. jansson is used with the functions for memory that it has when the
 * library is loaded. A program that sets others later takes care that they do not return NULL. */
#ifndef MSBPOLICY_H
#define MSBPOLICY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MSBPOLICY_VERSION "0.1.0"
#define MSBPOLICY_API __attribute__((visibility("default")))

/* The version of the library that runs; a static text */
MSBPOLICY_API const char *msbpolicy_version(void);

enum msbpolicy_status {
	MSBPOLICY_OK = 0,
	MSBPOLICY_INVALID = 1, /* errors in a policy */
	MSBPOLICY_USAGE = 2,   /* an argument: an option, a flow */
	MSBPOLICY_SYSTEM = 3,  /* a file could not be read */
};

MSBPOLICY_API void msbpolicy_text_free(char *); /* NULL is fine */

/* ---- loading ---- */

typedef struct msbpolicy msbpolicy;

/* An option of msb-policyc's by its name without dashes: { "net-rule", "allow@public" }, { "no-net", NULL }. All those that
 * say a policy, and "gateway", "today", "disable" (findings) and "optimise" (compiling, 0 to 2, which is usual). Without
 * "today" the clock's day counts, UTC. */
struct msbpolicy_option {
	const char *name, *value; /* value NULL: a switch */
};

struct msbpolicy_text {
	const char *name; /* "agent.msb": what places call it; .json and .yaml are read as such */
	const char *text; /* need not end with NUL */
	size_t len;       /* bytes */
};

/* Loads the policy at `path`, and what it includes. NULL: the options alone say it. MSBPOLICY_INVALID sets *out, too, so that
 * msbpolicy_check() can tell what is wrong; *error is the first of it. Where rules past their date are all that is wrong, everything
 * but msbpolicy_compile() works. Standard input is not read. `options` may be NULL where there are none.
 * Nothing of the arguments needs to outlive the call. */
MSBPOLICY_API int msbpolicy_load_file(const char *path, const struct msbpolicy_option *options, size_t option_count,
				      msbpolicy **out, char **error);
/* The same from memory: the first text is the policy, the others are what it includes and the "floor"s, by the
 * names that they would be read by. No file is read. At least one text. */
MSBPOLICY_API int msbpolicy_load_texts(const struct msbpolicy_text *texts, size_t text_count,
				       const struct msbpolicy_option *options, size_t option_count, msbpolicy **out,
				       char **error);
MSBPOLICY_API void msbpolicy_free(msbpolicy *); /* NULL is fine */

/* ---- checking ---- */

enum msbpolicy_severity { MSBPOLICY_NOTE, MSBPOLICY_WARNING, MSBPOLICY_ERROR };

/* Made by the library alone: members may follow in later versions. */
struct msbpolicy_finding {
	int severity;                          /* enum msbpolicy_severity */
	const char *code;                      /* stable: "shadowed-rule" */
	const char *file;                      /* NULL: it has no place, and the four numbers are 0 */
	unsigned line, column;                 /* from 1, in characters */
	unsigned end_line, end_column;         /* one past the last character */
	const char *text;                      /* what is wrong */
	const char *label;                     /* of the place, or NULL */
	const char *example, *example_verdict; /* a flow that shows it and how it fares, or NULL */
	const char *help;                      /* what to do, or NULL */
};

typedef struct msbpolicy_findings msbpolicy_findings;

/* Finds what is wrong or risky, in the order of places; findings are no error. They may outlive the policy. */
MSBPOLICY_API int msbpolicy_check(msbpolicy *, msbpolicy_findings **out, char **error);
MSBPOLICY_API size_t msbpolicy_findings_count(const msbpolicy_findings *);
/* Theirs; NULL past the last */
MSBPOLICY_API const struct msbpolicy_finding *msbpolicy_findings_get(const msbpolicy_findings *, size_t index);
/* All of them as `msb-policyc check --format json` prints them; theirs */
MSBPOLICY_API const char *msbpolicy_findings_json(const msbpolicy_findings *);
MSBPOLICY_API void msbpolicy_findings_free(msbpolicy_findings *); /* NULL is fine */

/* ---- asking ---- */

/* Made by the library alone, as the texts in it are: members may follow in later versions. */
struct msbpolicy_verdict {
	int allowed;         /* 1 or 0 */
	size_t rule;         /* the number of the rule that decided, from 1; 0: no rule did */
	const char *decider; /* "3", "default", "floor", "refused", "reserved", "limit" … */
	const char *place;   /* "agent.msb:6:1", or NULL */
	const char *text;    /* what decided, as written */
	const char *because; /* the rule's reason, or NULL */
	const char *json;    /* as `msb-policyc eval --format json` prints it */
};

/* Judges a flow or a lookup: "egress@github.com:tcp:443 resolve=github.com=140.82.121.4", "dns@x.org", "answer@10.0.0.5". It may
 * outlive the policy. */
MSBPOLICY_API int msbpolicy_evaluate(msbpolicy *, const char *flow, struct msbpolicy_verdict **out, char **error);
MSBPOLICY_API void msbpolicy_verdict_free(struct msbpolicy_verdict *); /* NULL is fine */

enum msbpolicy_format { MSBPOLICY_FORMAT_TEXT, MSBPOLICY_FORMAT_JSON };

/* Why the flow fares so: each rule considered, with its number, place and text. *out by msbpolicy_text_free() */
MSBPOLICY_API int msbpolicy_explain(msbpolicy *, const char *flow, enum msbpolicy_format, char **out, char **error);

/* ---- compiling ---- */

enum msbpolicy_target {
	MSBPOLICY_NFT, /* a ruleset for nft -f */
	MSBPOLICY_DNS, /* the DNS allowlist, JSON */
};

/* As `msb-policyc compile --emit nft` and `dns`. *out by msbpolicy_text_free() */
MSBPOLICY_API int msbpolicy_compile(msbpolicy *, enum msbpolicy_target, char **out, char **error);

/* ---- comparing ---- */

/* Made by the library alone, as the texts in it are: members may follow in later versions. */
struct msbpolicy_difference {
	size_t opens, closes; /* regions of flows, published ports and settings that open, or close, something */
	size_t changes;       /* settings and networks that do neither, or both */
	const char *text;     /* for people */
	const char *json;     /* as `msb-policyc diff --format json` prints it */
};

/* Which flows change verdict from `before` to `after`; they may be the same. It may outlive both. */
MSBPOLICY_API int msbpolicy_diff(msbpolicy *before, msbpolicy *after, struct msbpolicy_difference **out, char **error);
MSBPOLICY_API void msbpolicy_difference_free(struct msbpolicy_difference *); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
