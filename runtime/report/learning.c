/* A thin layer over compiler/learn: memory, the day, and where the text goes. */
#include "report/learning.h"
#include "core/log.h"
#include "learn/learn.h"
#include "learn/learn_bound.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct learning {
	const struct run_config *config;
	struct arena *arena;
	struct learn *learn;
	size_t lost;
};

struct learning *learning_open(const struct run_config *config, const struct addr_gateway *gateway)
{
	if (!config->learn)
		return NULL;
	struct learning *learning = arena_must(calloc(1, sizeof *learning));
	learning->config = config;
	learning->arena = arena_new();
	learning->learn = learn_new(learning->arena, gateway);
	return learning;
}

void learning_close(struct learning *learning)
{
	if (learning)
		arena_free(learning->arena);
	free(learning);
}

void learning_lookup(struct learning *learning, const char *name)
{
	if (learning)
		learn_lookup(learning->learn, name);
}

void learning_bound(struct learning *learning, const char *name, const struct addr *addrs, size_t count)
{
	if (!learning)
		return;
	learn_lookup(learning->learn, name);
	for (size_t i = 0; i < count; i++)
		learn_answer(learning->learn, name, addrs[i]);
}

void learning_flow(struct learning *learning, const struct eval_connection *connection)
{
	if (learning)
		learn_flow(learning->learn, connection);
}

void learning_begun(struct learning *learning, const struct eval_connection *connection)
{
	if (learning)
		learn_begun(learning->learn, connection);
}

void learning_named(struct learning *learning, const struct eval_connection *connection)
{
	if (learning)
		learn_named(learning->learn, connection);
}

void learning_answered(struct learning *learning, const struct eval_connection *connection)
{
	if (learning)
		learn_answered(learning->learn, connection);
}

void learning_answers_told(struct learning *learning)
{
	if (learning)
		learn_answers_told(learning->learn);
}

void learning_denied(struct learning *learning, const char *flow)
{
	if (learning)
		learn_denied(learning->learn, flow);
}

void learning_lost(struct learning *learning, size_t count)
{
	if (learning)
		learning->lost += count;
}

static const char *today(struct arena *arena)
{
	time_t now = time(NULL);
	struct tm utc;

	gmtime_r(&now, &utc);
	return arena_printf(arena, "%04d-%02d-%02d", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday);
}

static int write_all(int fd, const char *text, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t written = write(fd, text + at, len - at);
		if (written < 0 && errno != EINTR)
			return -errno;
		at += written < 0 ? 0 : (size_t)written;
	}
	return 0;
}

static void say(const struct learning *learning, size_t rules)
{
	struct learn_missing missing = learn_missing(learning->learn);
	size_t more = missing.services + missing.names + missing.addresses;

	log_line("%s: learnt %zu rule%s, for %s", learning->config->name, rules, rules == 1 ? "" : "s",
		 learning->config->learn);
	if (learning->lost || more)
		log_line("%s: it is incomplete: %zu reports were lost, %zu things were more than are kept",
			 learning->config->name, learning->lost, more);
}

void learning_finish(struct learning *learning, int fd)
{
	if (!learning)
		return;
	const struct run_config *config = learning->config;
	const struct learn_words words = {
		.sandbox = config->name,
		.within = config->bound_name,
		.day = today(learning->arena),
		.lost = learning->lost,
		.wildcards = config->propose_wildcards,
	};
	const char *text;
	size_t rules;

	if (!learn_text(learning->arena, learning->learn, &words, &text, &rules)) {
		log_error("what was learnt does not read back as what it was made of: nothing is written");
		return;
	}
	int error = write_all(fd, text, strlen(text));
	if (error == 0)
		say(learning, rules);
	else
		log_error("what was learnt could not be kept: %s", strerror(-error));
	if (error < 0 && ftruncate(fd, 0) < 0)
		log_error("what was learnt is cut short");
}

size_t learning_rule_number(const struct policy *bound, size_t index)
{
	if (!bound)
		return index + 1;
	return index < LEARN_RULES_IN_FRONT || index - LEARN_RULES_IN_FRONT >= bound->rules.count ?
		       0 :
		       index - LEARN_RULES_IN_FRONT + 1;
}
