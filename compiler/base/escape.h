/* One function for each output format: whatever bytes a file name, rule, reason or guest holds, what is
 * printed is a single line of that format. Results belong to the arena. */
#pragma once
#include "base/arena.h"

/* Text for people: \xNN unless printable UTF-8; control characters (tab and newline too), bidirectional
 * marks, invisible characters and invalid bytes are escaped. */
const char *escape_terminal(struct arena *, const char *bytes, size_t len);
/* The same for a string */
const char *escape_text(struct arena *, const char *text);
/* A comment of an nft rule or element: printable ASCII without `"` and `\`, at most 127 characters, cut with ".." */
const char *escape_nft_comment(struct arena *, const char *bytes);
/* A string to hand to jansson (JSON, SARIF): valid UTF-8, an invalid byte as \xNN. jansson escapes the
 * rest; dump with JSON_ENSURE_ASCII, so that nothing but ASCII is printed. */
const char *escape_json(struct arena *, const char *text);
/* GitHub's workflow commands: the text behind `::`, and a property's value before it */
const char *escape_github_data(struct arena *, const char *text);
const char *escape_github_property(struct arena *, const char *text);
/* Markdown: a code span with as many backticks as `text` needs, `|` kept out of table syntax; and plain
 * text in which no character is markup. */
const char *escape_markdown_code(struct arena *, const char *text);
const char *escape_markdown_text(struct arena *, const char *text);
/* XML: attribute values and text, for JUnit */
const char *escape_xml(struct arena *, const char *text);
/* A test's name in TAP: no `#`, which would start a directive */
const char *escape_tap(struct arena *, const char *text);
