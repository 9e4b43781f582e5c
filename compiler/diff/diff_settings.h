/* What changes besides verdicts: settings, what stands behind rules, expectations. */
#pragma once
#include "policy/policy.h"

/* What it means to the reviewer: something is looser than it was, tighter, or neither */
enum diff_effect { DIFF_OPENS, DIFF_CLOSES, DIFF_CHANGES };

struct diff_setting {
	enum diff_effect effect;
	const char *name;      /* "dns nameserver", "until of allow@vcs:tcp:443"; as written, not escaped */
	const char *values[2]; /* before, after; NULL: none. "" where the name says it all */
	struct span spans[2];  /* SPAN_NONE where it is not written */
};

struct diff;
struct fuel;
/* Adds to diff->settings; regions and correspondence of rules are to be known. */
void diff_settings(struct diff *, struct fuel *);
/* "dns timeout 3s, was 5s", "limit egress ops removed, was 100/1s", "dns nameserver 1.1.1.1:53 added" */
const char *diff_setting_text(struct arena *, const struct diff_setting *);
/* Where it is written: afterwards, or where it was */
int diff_setting_side(const struct diff_setting *);
const char *diff_effect_name(enum diff_effect); /* "opens", "closes", "changes" */
