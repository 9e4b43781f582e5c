/* Flow expressions: "egress@github.com:tcp:443", "dns@x.org", "answer@10.0.0.5", as `expect`, eval, explain and
 * --batch read them. Results belong to the arena; on failure an error was reported and *out is unchanged. */
#pragma once
#include "syntax/ast.h"
#include "policy/policy.h"

/* An AST flow's meaning; errors (id "bad-flow") go to diags. false: there were some. */
bool flow_resolve(struct arena *, const struct ast_flow *, struct diags *, struct flow *out);
/* One expression, or a --batch line "FLOW [resolve=…] [sni=…] [ech]", from text; parsed by the grammar. */
bool flow_parse(struct arena *, struct sources *, const char *text, struct diags *, struct flow *out);
/* A name (canonical) as a flow's target: "github.com", "domain=localhost", "." */
const char *flow_name_text(struct arena *, const char *name);
/* "--resolve NAME=ADDR,…" added to a flow's bindings; false and *why where it does not parse */
bool flow_add_resolve(struct arena *, struct flow *, const char *text, const char **why);
/* Whether the flow looks at what --resolve and --sni added to it; an error is reported where it does not */
bool flow_check_options(struct diags *, const struct flow *);
/* Canonical text of a connection: for diagnostics, events, witnesses */
const char *flow_format_connection(struct arena *, enum policy_direction, struct addr, enum policy_proto, bool has_port,
				   uint16_t port);
/* Likewise of a query for a name (canonical): "dns@x.org:udp" */
const char *flow_format_query(struct arena *, const char *name, enum flow_transport);
