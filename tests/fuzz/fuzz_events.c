/* An events file, whose names and flows a guest chose: what is made of it reads back as the rules it was made for. */
#include "fuzz.h"

#include "denied/denied.h"

#include <stdio.h>

static void suggest(FILE *in, struct denied *denied)
{
	struct events_reader reader;
	struct event_line event;
	bool more = true;

	events_reader_open(&reader, in);
	while (more) {
		struct arena *scratch = arena_new();

		more = events_reader_next(&reader, scratch, &event);
		if (more)
			denied_take(denied, scratch, &event);
		arena_free(scratch);
	}
	events_reader_close(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct policy_options options = { .arena = arena, .no_net = true };
	const char *text;

	for (int judges = 0; size && judges < 2; judges++) {
		FILE *in = fmemopen((void *)data, size, "r");
		struct policy *policy = options_resolve(&options, NULL, diags_new(arena, sources_new(arena)));
		struct eval_context context = { .policy = policy, .gateway = fuzz_gateway() };
		struct denied *denied = denied_new(arena, &context, judges);

		suggest(in, denied);
		fclose(in);
		if (!fragment_text(&denied->fragment, &text))
			abort(); /* it holds more than was meant */
	}
	arena_free(arena);
	return 0;
}
