/* Timers for loops where every wait is one of a few fixed lengths: each length is a queue in order of its ends. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct timer {
	struct timer *prev, *next;
	uint64_t end_ms;
};
struct timers {
	struct timer head; /* circular */
	uint64_t length_ms;
};
void timers_init(struct timers *, uint64_t length_ms);
void timer_start(struct timers *, struct timer *, uint64_t now_ms); /* restarts one that runs */
/* Before all others: it has ended already */
void timer_start_first(struct timers *, struct timer *, uint64_t now_ms);
void timer_stop(struct timer *);
static inline int timer_runs(const struct timer *timer)
{
	return timer->next != NULL;
}
/* What the timer is a member of */
#define timer_of(timer, type, member) ((type *)((char *)(timer)-offsetof(type, member)))
/* The first that has ended, stopped; NULL: none has */
struct timer *timers_ended(struct timers *, uint64_t now_ms);
/* Milliseconds until the first ends, at most `most` */
int timers_wait(const struct timers *, uint64_t now_ms, int most);
