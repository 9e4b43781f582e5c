/* The table of finding_texts.def, and how an entry is printed. */
#include "diag/findings.h"
#include "base/utf8.h"

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

/* In lines of 75 characters, four blanks in front: the manual indents them further */
static void print_filled(const char *words, FILE *out)
{
	size_t used = 0;

	for (size_t len; (len = strcspn(words, " \n")) > 0; words += len + (words[len] != '\0')) {
		size_t width = utf8_count(words, len);
		bool follows = used && used + 1 + width <= 75;
		fprintf(out, "%s%.*s", follows ? " " : used ? "\n    " : "    ", (int)len, words);
		used = width + (follows ? used + 1 : 4);
	}
	fputs("\n", out);
}

void finding_text_print(const struct finding_text *text, FILE *out)
{
	fprintf(out, "%s (%s)\n", text->id, text->level);
	print_filled(text->meaning, out);
	if (text->bad[0]) {
		fputs("    raises it:\n", out);
		print_indented(text->bad, out);
		fputs("    mended:\n", out);
		print_indented(text->mended, out);
	}
}
