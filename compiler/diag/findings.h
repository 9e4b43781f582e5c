/* What every id of a finding means, as `check --explain ID` and the manual print it. */
#pragma once
#include <stdio.h>

struct finding_text {
	const char *id, *level;
	const char *meaning;
	const char *bad, *mended; /* a policy file, or a command behind "$ "; "" where none is worth showing */
};

extern const struct finding_text finding_texts[]; /* ends with a NULL id */
/* NULL where there is no such id */
const struct finding_text *finding_text(const char *id);
void finding_text_print(const struct finding_text *, FILE *);
