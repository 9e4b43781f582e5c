/* What an error in a rule's token offers to write instead: text to paste, and the edit of it for programs. */
#pragma once
#include "policy/rule.h"
#include "syntax/mistakes.h"

/* A word of another tool: why, and what is meant, as an offer. false: it is none that is known there */
bool rule_explain(const struct rule_scope *, struct diag *, enum mistake_place, const struct ast_word *);
/* Of the word before the `@`: "allow egress", "ALLOW", "block " */
bool rule_explain_action(const struct rule_scope *, struct diag *);
bool rule_explain_proto(const struct rule_scope *, struct diag *, const struct ast_word *);
bool rule_explain_port(const struct rule_scope *, struct diag *, const struct ast_word *);
/* "10.0.0.1-10.0.0.9": the networks that are exactly that. false: the word is no range of addresses */
bool rule_explain_range(const struct rule_scope *, struct diag *, const struct ast_word *);
/* "10.0.0.*", "10/8": the network with all its numbers */
bool rule_explain_network(const struct rule_scope *, struct diag *, const struct ast_word *);
/* Numbers with dots, stars, dashes, or "x" for a number: no name, whatever it is */
bool rule_is_network(const char *text);
/* "!a.example", which takes out of a list elsewhere */
bool rule_explain_not(const struct rule_scope *, struct diag *, const struct ast_word *);
/* "tcp:80:443", a range as iptables writes it */
bool rule_explain_trailing(const struct rule_scope *, struct diag *);
/* Whether an error was reported on the line that would define the group: its uses are no mistakes of their own */
bool rule_group_is_broken(const struct rule_scope *, const char *name);
/* "https://a.example/x" behind the `@`: the host and the port. `word` is the scheme */
bool rule_explain_url(const struct rule_scope *, struct diag *, const struct ast_word *);
/* A word that ends in ";" */
bool rule_explain_semicolon(const struct rule_scope *, struct diag *, const struct ast_word *);
