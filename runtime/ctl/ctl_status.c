/* One sandbox, in full. */
#include "ctl/ctl.h"
#include "ctl/table.h"

#include <stdio.h>

static enum ctl_status once(struct ctl_line *line)
{
	enum ctl_status status = CTL_FINE;
	json_t *answer = ctl_ask(line, json_pack("{s:s}", "command", "status"), &status);

	if (!answer)
		return status;
	if (line->format == CTL_JSON)
		return ctl_print_json(line, answer);
	printf("%s  running %s\n", line->sandbox,
	       table_duration(line->arena, (uint64_t)json_integer_value(json_object_get(answer, "up_ms"))));
	json_decref(answer);
	return CTL_FINE;
}

enum ctl_status ctl_show_status(struct ctl_line *line)
{
	return ctl_repeat(line, once);
}
