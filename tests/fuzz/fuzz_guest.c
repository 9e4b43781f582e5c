/* The bytes of guests: what one writes to its console, an /etc/hosts of a root file system, which stays as it is where the names
 * are in it, and events of a QEMU that was taken over. The first byte chooses. */
#include "fuzz.h"

#include "guest/hosts.h"
#include "vmm/guest_console.h"
#include "vmm/guest_end.h"

/* In pieces, as they are read; what would be shown is short and printable */
static void console(const uint8_t *data, size_t size)
{
	struct guest_console console = { 0 };
	size_t half = size / 2;

	guest_console_add(&console, (const char *)data, half);
	guest_console_add(&console, (const char *)data + half, size - half);
	for (unsigned i = 0; i < console.lines && i < GUEST_CONSOLE_LINES; i++)
		for (const char *byte = console.tail[i]; *byte; byte++)
			if ((unsigned char)*byte >= 0x80)
				abort();
	if (strlen(console.panic) >= GUEST_CONSOLE_LINE_MAX || strlen(console.killed) >= GUEST_CONSOLE_LINE_MAX)
		abort();
}

static void event(const uint8_t *data, size_t size)
{
	struct guest_end end = { 0 };
	char *line = calloc(1, size + 1);

	memcpy(line, data, size);
	if (guest_end_line(&end, line) != (end.kind == GUEST_END_STOPPED) || strlen(end.disk) >= GUEST_END_DISK_MAX)
		abort();
	free(line);
}

static void hosts(const uint8_t *data, size_t size)
{
	static const char wanted[] = "127.0.0.1 localhost\n::1 localhost\n172.16.0.2 agent\n";
	char *have = calloc(1, size + 1), *added = NULL, *again = NULL;
	size_t length;

	memcpy(have, data, size);
	FILE *out = open_memstream(&added, &length);
	hosts_add(out, have, wanted);
	fclose(out);
	/* with what was added nothing is lacking */
	char *whole = calloc(1, size + length + 2);
	strcat(strcat(strcpy(whole, have), "\n"), added);
	out = open_memstream(&again, &length);
	if (hosts_add(out, whole, wanted))
		abort();
	fclose(out);
	free(have);
	free(added);
	free(again);
	free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] % 3 == 2)
		event(data + 1, size - 1);
	else if (data[0] % 3)
		console(data + 1, size - 1);
	else
		hosts(data + 1, size - 1);
	return 0;
}
