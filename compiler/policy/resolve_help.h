/* What an error in a statement offers to write instead, as rule_help.h has it for rules. */
#pragma once
#include "policy/resolve_state.h"
#include "syntax/mistakes.h"

/* "did you mean `X`?" in the place of what is `written` there; nothing where `meant` is NULL. An import's value, which
 * may stand in quotes with escapes, has no edit. */
void resolve_offer(struct diags *, struct diag *, struct span, const char *written, const char *meant);
/* Another tool's word at that place, or the nearest of `words` (NULL-terminated) */
void resolver_suggest_word(struct resolver *, struct diag *, enum mistake_place, const struct ast_word *,
			   const char *const *words);
/* Of a `dns` statement that names no setting: "dns server", "dns 1.1.1.1 8.8.8.8" */
void resolver_suggest_dns(struct resolver *, struct diag *, const struct ast_statement *, const char *const *settings);
/* Of the word behind `until`, which is no YYYY-MM-DD: "01.02.2027", "tomorrow" */
void resolver_suggest_date(struct resolver *, struct diag *, const struct ast_word *);
/* Of an expectation that does not begin with its action: "expect egress@a.example:tcp:443 allow" */
void resolver_suggest_expect(struct resolver *, struct diag *, const struct ast_statement *);
/* false, with the conflict reported, where `setting` was given before with another value. `what` is its name in the
 * message. */
bool resolver_set_once(struct resolver *, enum setting, struct span, const char *what, const char *value);
