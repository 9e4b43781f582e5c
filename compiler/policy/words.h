/* The words of the language by where they stand, each list ended by NULL: what "did you mean" and completion offer. A
 * statement's first words are parse_statement_words of syntax/parse.h. */
#pragma once

extern const char *const rule_action_words[], *const rule_direction_words[];
extern const char *const rule_target_words[]; /* `any` aside, in the order in which ties between suggestions are won */
extern const char *const rule_proto_words[];
extern const char *const resolve_profile_words[];
extern const char *const resolve_dns_words[]; /* settings: behind `dns` */
extern const char *const resolve_tls_words[]; /* behind `tls` */
