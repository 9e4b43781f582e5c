/* The table of other tools' words, and of services' names. Looked at only once there is an error to explain. */
#include "syntax/mistakes.h"

#include <string.h>
#include <strings.h>

#define MISTAKE(place, word, meant, why) { MISTAKE_##place, word, meant, why },
static const struct mistake mistakes[] = {
#include "syntax/mistakes.def"
};

#define SERVICE(name, proto, port) { name, proto, port },
static const struct service services[] = {
#include "syntax/services.def"
};

const struct mistake *mistake_find(enum mistake_place place, const char *word)
{
	const struct mistake *found = NULL;

	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		if (mistakes[i].place != place || strcasecmp(mistakes[i].word, word) != 0)
			continue;
		if (!strcmp(mistakes[i].word, word)) /* "-p" and "-P" are two */
			return &mistakes[i];
		if (!found)
			found = &mistakes[i];
	}
	return found;
}

const struct service *mistake_service(const char *name)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (!strcasecmp(services[i].name, name))
			return &services[i];
	return NULL;
}
