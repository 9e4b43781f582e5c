/* The host's end of the sandbox's link keeps its routes and neighbours. */
#pragma once
struct sandbox;

/* Whenever something may have changed there. 0 or -errno, with a line on standard error */
int follow_link(struct sandbox *);
