/* Comments of a policy file, which the grammar skips: where a line's begins, and which findings it ignores. */
#include "base/source.h"

#include <string.h>

/* Offset of the "#" that starts the line's comment, or `len`: at the line's start or behind a blank, and not
 * in a string. */
static uint32_t comment_offset(const char *line, uint32_t len)
{
	bool in_string = false, blank_before = true;
	for (uint32_t at = 0; at < len; at++) {
		if (line[at] == '"')
			in_string = !in_string;
		else if (line[at] == '#' && blank_before && !in_string)
			return at;
		blank_before = line[at] == ' ' || line[at] == '\t';
	}
	return len;
}

struct span span_comment(const struct sources *sources, struct span span)
{
	struct span line = span_line(sources, span);
	const struct source *source = sources_get(sources, line.source);
	if (source)
		line.start += comment_offset(source->text + line.start, line.end - line.start);
	return line;
}

/* The next blank-separated word of [*at, end), and moves *at behind it; its length, 0 at the end */
static size_t take_word(const char **at, const char *end, const char **word)
{
	while (*at < end && (**at == ' ' || **at == '\t'))
		++*at;
	*word = *at;
	while (*at < end && **at != ' ' && **at != '\t')
		++*at;
	return (size_t)(*at - *word);
}

static bool take_if(const char **at, const char *end, const char *wanted)
{
	const char *word;
	size_t len = take_word(at, end, &word);
	return len == strlen(wanted) && memcmp(word, wanted, len) == 0;
}

/* "# lint: ignore ID reason", the reason not left out */
static bool comment_ignores(const struct source *source, struct span comment, const char *id)
{
	const char *at = source->text + comment.start, *end = source->text + comment.end, *reason;
	if (at == end)
		return false;
	at++;
	return take_if(&at, end, "lint:") && take_if(&at, end, "ignore") && take_if(&at, end, id) &&
	       take_word(&at, end, &reason) > 0;
}

/* Nothing but blanks before the comment */
static bool stands_alone(const struct source *source, struct span line, struct span comment)
{
	const char *at = source->text + line.start, *word;
	return take_word(&at, source->text + comment.start, &word) == 0;
}

bool source_lint_ignored(const struct sources *sources, struct span span, const char *id, struct span *by)
{
	const struct source *source = sources_get(sources, span.source);
	if (!source || source->kind != SOURCE_FILE)
		return false;
	*by = span_comment(sources, span);
	if (comment_ignores(source, *by, id))
		return true;
	struct span line = span_line(sources, span);
	if (line.start == 0)
		return false;
	struct span above = span_line(sources, (struct span){ span.source, line.start - 1, line.start - 1 });
	*by = span_comment(sources, above);
	return stands_alone(source, above, *by) && comment_ignores(source, *by, id);
}

bool source_next_lint_comment(const struct sources *sources, uint32_t index, uint32_t *offset, struct lint_comment *out)
{
	const struct source *source = sources_get(sources, index);
	static const char mark[] = "lint:";
	const char *found;

	while (*offset < source->len &&
	       (found = memmem(source->text + *offset, source->len - *offset, mark, strlen(mark)))) {
		struct span at = { index, (uint32_t)(found - source->text), (uint32_t)(found - source->text) };
		struct span comment = span_comment(sources, at);
		const char *rest = source->text + comment.start + 1, *end = source->text + comment.end;

		*offset = at.start + (uint32_t)strlen(mark);
		if (comment.start == comment.end)
			continue;
		rest += strspn(rest, " \t");
		if (rest != found) /* the words of a comment on something else */
			continue;
		rest += strlen(mark);
		*out = (struct lint_comment){ .span = comment };
		out->ignores = take_if(&rest, end, "ignore");
		out->id_len = out->ignores ? take_word(&rest, end, &out->id) : 0;
		out->has_reason = take_word(&rest, end, &found) > 0;
		return true;
	}
	return false;
}
