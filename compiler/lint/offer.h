/* Within lint/: suggested edits. A check offers one or several for a finding, best first; lint_settle() tries them and
 * keeps the first that mends: the policy still compiles, the finding is gone and no other has come. The help of the
 * offer that was kept takes the place of the finding's own, which is for where none is. */
#pragma once
#include "diag/diag.h"

struct lint;

struct lint_offer {
	struct diag *diag;
	const char *help;
	LIST_OF(struct diag_edit) edits;
	bool whole; /* every edit could be made up: false where one has no place */
};

/* Never NULL; the edits are added to it. */
struct lint_offer *lint_offer(struct lint *, struct diag *, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void offer_replace(struct lint *, struct lint_offer *, struct span, const char *text);
/* `token`, a statement, above the one that holds the span; in an argument, before the rule */
void offer_insert(struct lint *, struct lint_offer *, struct span, const char *token);
/* The statement behind all others of the top file */
void offer_append(struct lint *, struct lint_offer *, const char *token);
/* The statement that holds the span, its comment too */
void offer_remove(struct lint *, struct lint_offer *, struct span);
/* The comment alone, with its line where nothing else is on it */
void offer_remove_comment(struct lint *, struct lint_offer *, struct span);
void offer_move(struct lint *, struct lint_offer *, struct span, struct span above);
/* An item of a list in braces, with its comma */
void offer_remove_item(struct lint *, struct lint_offer *, struct span);

void lint_settle(struct lint *);
