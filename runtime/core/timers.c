/* Timers of one length: a queue in order of their ends, so starting and stopping cost nothing that grows. */
#include "core/timers.h"

#include <stddef.h>

void timers_init(struct timers *timers, uint64_t length_ms)
{
	timers->head.prev = timers->head.next = &timers->head;
	timers->length_ms = length_ms;
}

void timer_stop(struct timer *timer)
{
	if (!timer->next)
		return;
	timer->prev->next = timer->next;
	timer->next->prev = timer->prev;
	timer->prev = timer->next = NULL;
}

void timer_start(struct timers *timers, struct timer *timer, uint64_t now_ms)
{
	timer_stop(timer);
	timer->end_ms = now_ms + timers->length_ms;
	timer->prev = timers->head.prev;
	timer->next = &timers->head;
	timer->prev->next = timer->next->prev = timer;
}

void timer_start_first(struct timers *timers, struct timer *timer, uint64_t now_ms)
{
	timer_stop(timer);
	timer->end_ms = now_ms;
	timer->prev = &timers->head;
	timer->next = timers->head.next;
	timer->prev->next = timer->next->prev = timer;
}

struct timer *timers_ended(struct timers *timers, uint64_t now_ms)
{
	struct timer *first = timers->head.next;
	if (first == &timers->head || first->end_ms > now_ms)
		return NULL;
	timer_stop(first);
	return first;
}

int timers_wait(const struct timers *timers, uint64_t now_ms, int most)
{
	const struct timer *first = timers->head.next;
	if (first == &timers->head)
		return most;
	uint64_t left = first->end_ms > now_ms ? first->end_ms - now_ms : 0;
	return most < 0 || left < (uint64_t)most ? (int)left : most;
}
