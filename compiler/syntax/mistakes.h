/* Words that other tools have and this language has not, and what it says instead: mistakes.def. */
#pragma once
#include "base/arena.h"

enum mistake_place {
	MISTAKE_ACTION,
	MISTAKE_DIRECTION,
	MISTAKE_TARGET,
	MISTAKE_PEER, /* a target of an ingress rule: asked before TARGET */
	MISTAKE_PROTO,
	MISTAKE_PORT,
	MISTAKE_DNS,
	MISTAKE_DATE,
	MISTAKE_STATEMENT,
};

struct mistake {
	enum mistake_place place;
	const char *word;
	const char *meant; /* what to write for it, or NULL */
	const char *why;   /* a label, or a sentence where nothing is meant; NULL: obvious */
};

/* NULL: no word known there */
const struct mistake *mistake_find(enum mistake_place, const char *word);

struct service {
	const char *name, *proto, *port;
};

/* A service's port by IANA's name ("https", "ssh"), or NULL */
const struct service *mistake_service(const char *name);
