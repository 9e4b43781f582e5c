/* A request, a line of bytes from whoever was let in. */
#pragma once
#include "control/control.h"

/* The request, a new reference, and its command in *command; or NULL, and in *error an answer that says what is wrong. The line
 * is without its newline, and may hold any bytes. */
json_t *control_request_parse(const struct control_command *commands, const char *line, size_t len,
			      const struct control_command **command, json_t **error);
/* The answer as a line, in malloc()'s memory: with "version", "ok" and at its end a newline. Takes the answer over; NULL: none
 * was made, or it is too long, for which there is a line of its own. NULL where memory is short. */
char *control_answer_line(json_t *answer, size_t *len);
