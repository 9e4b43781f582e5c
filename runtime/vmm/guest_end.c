/* QEMU's events SHUTDOWN, STOP and BLOCK_IO_ERROR (qapi/run-state.json and block-core.json of its sources) */
#include "vmm/guest_end.h"
#include "core/log.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *reason; /* of SHUTDOWN */
	enum guest_end_kind kind;
} reasons[] = {
	{ "guest-reset", GUEST_END_RESET },
	{ "guest-shutdown", GUEST_END_OFF },
	{ "host-signal", GUEST_END_SIGNAL },
};

static enum guest_end_kind kind_of(const char *reason)
{
	for (size_t i = 0; reason && i < sizeof reasons / sizeof *reasons; i++)
		if (!strcmp(reason, reasons[i].reason))
			return reasons[i].kind;
	return GUEST_END_UNKNOWN;
}

static void ended(struct guest_end *end, enum guest_end_kind kind)
{
	if (end->kind == GUEST_END_UNKNOWN)
		end->kind = kind;
}

static void disk_failed(struct guest_end *end, const char *reason)
{
	snprintf(end->disk, sizeof end->disk, "%s", reason ? reason : "unknown error");
	for (char *byte = end->disk; *byte; byte++)
		if (*byte < ' ' || *byte > '~')
			*byte = '?';
}

bool guest_end_line(struct guest_end *end, const char *line)
{
	json_t *object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
	const char *event = json_string_value(json_object_get(object, "event"));
	const char *reason = json_string_value(json_object_get(json_object_get(object, "data"), "reason"));
	bool stopped = event && !strcmp(event, "STOP") && end->kind == GUEST_END_UNKNOWN;

	if (stopped)
		ended(end, GUEST_END_STOPPED);
	else if (event && !strcmp(event, "SHUTDOWN"))
		ended(end, kind_of(reason));
	else if (event && !strcmp(event, "BLOCK_IO_ERROR"))
		disk_failed(end, reason);
	json_decref(object);
	return stopped;
}

const char *guest_end_verb(enum guest_end_kind kind)
{
	switch (kind) {
	case GUEST_END_RESET:
		return "reset its machine";
	case GUEST_END_OFF:
		return "switched its machine off";
	default:
		return "stopped";
	}
}

bool guest_end_explain(const struct guest_end *end)
{
	if (end->kind == GUEST_END_SIGNAL)
		log_error("QEMU was ended by a signal while the guest's command had not ended");
	else if (end->kind == GUEST_END_STOPPED && *end->disk)
		log_error("QEMU has stopped the guest: a disk of its failed: %s", end->disk);
	else if (end->kind == GUEST_END_STOPPED)
		log_error("QEMU has stopped the guest, and can run it no further");
	return end->kind == GUEST_END_SIGNAL || end->kind == GUEST_END_STOPPED;
}
