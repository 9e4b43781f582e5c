/* A table so small that it is looked through. */
#include "ask/questions.h"

#include <stdlib.h>
#include <string.h>

static struct question *add(struct questions *questions, uint64_t now_ms)
{
	for (size_t i = 0; questions->count < QUESTIONS_MAX && i < QUESTIONS_MAX; i++) {
		struct question *question = &questions->items[i];
		if (question->id)
			continue;
		questions->last_id = questions->last_id == UINT32_MAX ? 1 : questions->last_id + 1;
		*question = (struct question){ .id = questions->last_id, .asked_ms = now_ms };
		questions->count++;
		return question;
	}
	return NULL;
}

static void try_it(struct question *question, uint64_t tries, uint64_t now_ms)
{
	question->tried_ms = now_ms;
	question->tries += tries;
}

struct question *questions_name(struct questions *questions, const char *name, uint64_t tries, uint64_t now_ms,
				bool *fresh)
{
	struct question *found = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX && !found; i++)
		if (questions->items[i].id && questions->items[i].is_name && !strcmp(questions->items[i].name, name))
			found = &questions->items[i];
	*fresh = !found;
	if (!found)
		found = add(questions, now_ms);
	if (!found)
		return NULL;
	found->is_name = true;
	strncpy(found->name, name, sizeof found->name - 1);
	try_it(found, tries, now_ms);
	return found;
}

struct question *questions_flow(struct questions *questions, struct addr addr, enum policy_proto proto, uint16_t port,
				uint64_t now_ms, bool *fresh)
{
	struct question *found = NULL;

	for (size_t i = 0; i < QUESTIONS_MAX && !found; i++) {
		struct question *at = &questions->items[i];
		if (at->id && !at->is_name && at->proto == proto && at->port == port && addr_equal(at->addr, addr))
			found = at;
	}
	*fresh = !found;
	if (!found)
		found = add(questions, now_ms);
	if (!found)
		return NULL;
	found->addr = addr;
	found->proto = proto;
	found->port = port;
	try_it(found, 1, now_ms);
	return found;
}

struct question *questions_find(struct questions *questions, uint32_t id)
{
	for (size_t i = 0; id && i < QUESTIONS_MAX; i++)
		if (questions->items[i].id == id)
			return &questions->items[i];
	return NULL;
}

void questions_drop(struct questions *questions, struct question *question)
{
	free(question->rule);
	*question = (struct question){ 0 };
	questions->count--;
}

void questions_free(struct questions *questions)
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions->items[i].id)
			questions_drop(questions, &questions->items[i]);
}

static uint64_t refused_at(const struct question *question)
{
	return question->is_name || question->refused ? UINT64_MAX : question->asked_ms + QUESTION_HOLD_MS;
}

static uint64_t over_at(const struct question *question)
{
	return question->tried_ms + QUESTION_LIFE_MS;
}

static struct question *first_due(struct questions *questions, uint64_t now_ms,
				  uint64_t (*due)(const struct question *))
{
	for (size_t i = 0; i < QUESTIONS_MAX; i++)
		if (questions->items[i].id && due(&questions->items[i]) <= now_ms)
			return &questions->items[i];
	return NULL;
}

struct question *questions_overdue(struct questions *questions, uint64_t now_ms)
{
	return first_due(questions, now_ms, refused_at);
}

struct question *questions_over(struct questions *questions, uint64_t now_ms)
{
	return first_due(questions, now_ms, over_at);
}

uint64_t questions_next_ms(const struct questions *questions)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < QUESTIONS_MAX; i++) {
		const struct question *at = &questions->items[i];
		if (at->id && refused_at(at) < next)
			next = refused_at(at);
		if (at->id && over_at(at) < next)
			next = over_at(at);
	}
	return next;
}
