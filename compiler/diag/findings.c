/* The table of finding_texts.def, and how an entry is printed. */
#include "diag/findings.h"

#include <string.h>

const struct finding_text finding_texts[] = {
#define FINDING(id, level, meaning, bad, mended) { id, level, meaning, bad, mended },
#include "diag/findings.def"
#undef FINDING
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct finding_text *finding_text(const char *id)
{
	for (const struct finding_text *text = finding_texts; text->id; text++)
		if (!strcmp(text->id, id))
			return text;
	return NULL;
}

static void print_indented(const char *text, FILE *out)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		fprintf(out, "        %.*s\n", (int)len, text);
		text += len + (text[len] == '\n');
	}
}

void finding_text_print(const struct finding_text *text, FILE *out)
{
	fprintf(out, "%s (%s)\n", text->id, text->level);
	for (const char *line = text->meaning; *line;) {
		size_t len = strcspn(line, "\n");

		fprintf(out, "    %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
	if (text->bad[0]) {
		fputs("    raises it:\n", out);
		print_indented(text->bad, out);
		fputs("    mended:\n", out);
		print_indented(text->mended, out);
	}
}
