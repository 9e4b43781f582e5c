/* Within lsp/: one session, its open documents, what is known of each, and the features that answer about them.
 *
 * A document changes with every key pressed. What is known of it (its view) is made when something is asked, in an arena
 * of its own, and dropped with the next change, or with that of a file it includes. */
#pragma once
#include "lsp/frame.h"
#include "lsp/lsp.h"
#include "lsp/positions.h"
#include "expect/expect.h"
#include "syntax/ast.h"

#include <jansson.h>

struct lsp_file {
	const struct ast_file *ast; /* NULL of what is no policy file */
	struct lsp_text *text;      /* NULL until asked for: lsp_view_text() */
};

struct lsp_view {
	struct arena *arena;
	struct sources *sources;
	struct diags *diags; /* with the findings once `judged` */
	struct policy *policy;
	struct lsp_file *files; /* by source */
	uint32_t top;           /* the document's source; SPAN_NO_SOURCE where it could not be taken */
	enum lsp_encoding encoding;
	bool whole; /* without errors, a rule past its date aside: the policy can be asked about */
	bool judged;
	struct eval_context context;
	const struct expect_report *report; /* NULL unless judged and whole */
};

struct lsp_document {
	struct arena *arena;    /* of the next two */
	const char *uri, *path; /* as the client writes it; an overlay's path, the URI itself where that is no file's */
	bool is_file;
	char *text; /* malloc()ed */
	size_t len;
	struct lsp_view *view; /* NULL until asked for: lsp_view() */
	bool unpublished;
};

enum lsp_phase { LSP_NEW, LSP_RUNNING, LSP_SHUT_DOWN, LSP_ENDED };

struct lsp {
	const struct lsp_options *options;
	void (*send)(void *context, const char *bytes, size_t len);
	void *context;
	struct frame frame;
	enum lsp_phase phase;
	bool orderly;
	enum lsp_encoding encoding;
	bool plain_hover, watches;
	struct lsp_document **documents;
	size_t document_count, document_cap;
	json_t *published; /* by document, then by the URI shown at: arrays of findings */
};

/* ---- requests ---- */

enum lsp_error {
	LSP_PARSE_ERROR = -32700,
	LSP_INVALID_REQUEST = -32600,
	LSP_METHOD_NOT_FOUND = -32601,
	LSP_INVALID_PARAMS = -32602,
	LSP_NOT_INITIALIZED = -32002,
	LSP_REQUEST_FAILED = -32803,
};

struct lsp_request {
	struct arena *arena;
	const json_t *params;
	int error; /* 0: the result counts */
	const char *message;
};
/* NULL, for handlers to return */
json_t *lsp_fail(struct lsp_request *, enum lsp_error, const char *message);
/* Take what they send */
void lsp_send(struct lsp *, json_t *message);
void lsp_notify(struct lsp *, const char *method, json_t *params);

/* What a request is about: textDocument and position of its parameters. view->top is a source. */
struct lsp_place {
	struct lsp_document *document;
	struct lsp_view *view;
	const struct lsp_text *text;
	uint32_t offset;
};
/* false: the request has its error, or there is nothing to say */
bool lsp_find_document(struct lsp *, struct lsp_request *, struct lsp_place *out);
bool lsp_find_place(struct lsp *, struct lsp_request *, struct lsp_place *out);

/* ---- documents.c ---- */

struct lsp_document *lsp_document(const struct lsp *, const char *uri); /* NULL: it is not open */
void lsp_documents_free(struct lsp *);
json_t *lsp_did_open(struct lsp *, struct lsp_request *);
json_t *lsp_did_change(struct lsp *, struct lsp_request *);
json_t *lsp_did_close(struct lsp *, struct lsp_request *);
json_t *lsp_did_save(struct lsp *, struct lsp_request *); /* files changed on disk, too */

/* ---- view.c ---- */

/* The policy as of now; lsp_view_judge() adds findings and expectations, which may take long. */
struct lsp_view *lsp_view(struct lsp *, struct lsp_document *);
void lsp_view_judge(struct lsp *, struct lsp_view *);
void lsp_view_drop(struct lsp_document *);
const struct lsp_text *lsp_view_text(struct lsp_view *, uint32_t source);
/* Whether it looked for other files */
bool lsp_view_includes(const struct lsp_view *);
/* The statement of the top file at an offset, its attributes taken in; NULL: none is there */
const struct ast_statement *lsp_view_statement(const struct lsp_view *, uint32_t offset);
/* The policy's rule that a statement of some file became; SIZE_MAX: none */
size_t lsp_view_rule(const struct lsp_view *, const struct ast_statement *);
static inline const struct ast_rule *statement_rule(const struct ast_statement *statement)
{
	return statement->rule;
}
static inline bool span_has(struct span span, uint32_t offset)
{
	return span.start <= offset && offset <= span.end;
}

/* ---- places and words as the protocol has them: json.c ---- */

/* What is shown of a text that may be of any length: its beginning, with "…" where there was more */
const char *lsp_cut(struct arena *, const char *text);
json_t *lsp_text_json(struct arena *, const char *text);
struct lsp_position lsp_position_of_json(const json_t *);
json_t *lsp_range_json(struct lsp_view *, struct span);
/* Where the client can show a place: what is in no file (an option, a text of the program's own that was included) is
 * shown where it was asked for, at the document's beginning else. */
struct span lsp_shown(const struct lsp *, const struct lsp_view *, struct span);
/* The URI under which the client knows a source that can be shown */
const char *lsp_source_uri(struct lsp *, struct arena *, const struct lsp_view *, uint32_t source);
json_t *lsp_location_json(struct lsp *, struct arena *, struct lsp_view *, struct span);
/* Takes the item, unless the list has an equal one */
void lsp_append_once(json_t *list, json_t *item);
json_t *lsp_edit_json(struct arena *, json_t *range, const char *text); /* takes the range */

/* ", line 7" of the document itself, ", base.msb:4" of what it includes; nothing without a place */
const char *lsp_behind_place(struct arena *, const struct lsp_view *, struct span);
/* Who decided: "rule 2, line 7", "the default", "rule 3, base.msb:4" */
const char *lsp_decider(struct arena *, const struct lsp_view *, struct eval_verdict, enum policy_direction);
/* The same of a whole flow: "allowed by rule 2, line 7", "denied: rebind protection holds the answer back" */
const char *lsp_outcome(struct arena *, const struct lsp_view *, const struct flow *, const struct eval_result *);

/* ---- features ---- */

json_t *lsp_initialize(struct lsp *, struct lsp_request *);
json_t *lsp_hover(struct lsp *, struct lsp_request *);
json_t *lsp_completion(struct lsp *, struct lsp_request *);
json_t *lsp_definition(struct lsp *, struct lsp_request *);
json_t *lsp_references(struct lsp *, struct lsp_request *);
json_t *lsp_prepare_rename(struct lsp *, struct lsp_request *);
json_t *lsp_rename(struct lsp *, struct lsp_request *);
json_t *lsp_symbols(struct lsp *, struct lsp_request *);
json_t *lsp_formatting(struct lsp *, struct lsp_request *);
json_t *lsp_code_action(struct lsp *, struct lsp_request *);
json_t *lsp_code_lens(struct lsp *, struct lsp_request *);

/* diagnostics.c: sends what changed; forgets what a closed document had. */
void lsp_publish(struct lsp *);
void lsp_unpublish(struct lsp *, const struct lsp_document *);
/* A finding as the client gets it */
json_t *lsp_finding_json(struct lsp *, struct arena *, struct lsp_view *, const struct diag *);
