/* Lines as Linux writes them: "[    1.668012] text". Of a crash the cause matters; registers and stack, which come after it
 * and would push it out of the few lines that are kept, are left out. */
#include "vmm/guest_console.h"
#include "core/log.h"

#include <stdio.h>
#include <string.h>

static const char panic_words[] = "Kernel panic - not syncing: ";
static const char killed_words[] = "Out of memory: Killed process ";

/* How lines begin that tell a kernel developer more, and nobody else; stack entries begin with a space. A microvm has no PCI,
 * which its kernel always deplores. */
/* clang-format off */
static const char *const dumps[] = {
	"PCI: Fatal: No config space", " ", "RIP: 0033", "RSP:", "RAX:", "RBX:", "RDX:", "RBP:", "R08:", "R10:", "R13:", "FS:",
	"CS:", "CR2:", "DR0:", "DR3:", "PKRU:", "Code:", "CPU: ", "Call Trace:", "Hardware name:", "Modules linked in:", "Kernel Offset:", "---[ "
};
/* clang-format on */

static const char *without_time(const char *line)
{
	const char *end = *line == '[' ? strstr(line, "] ") : NULL;

	return end ? end + 2 : line;
}

static bool is_dump(const char *text)
{
	for (size_t i = 0; i < sizeof dumps / sizeof *dumps; i++)
		if (!strncmp(text, dumps[i], strlen(dumps[i])))
			return true;
	return false;
}

/* Of a line, or of its end */
static void keep(char copy[static GUEST_CONSOLE_LINE_MAX], const char *text)
{
	memcpy(copy, text, strlen(text) + 1);
}

static void line_ended(struct guest_console *console)
{
	const char *text = without_time(console->line);
	const char *panic = strstr(text, panic_words);

	if (!*text)
		return;
	if (console->verbose)
		log_line("guest console: %s", console->line);
	if (panic && !*console->panic)
		keep(console->panic, panic + sizeof panic_words - 1);
	if (!strncmp(text, killed_words, sizeof killed_words - 1))
		keep(console->killed, text);
	if (!is_dump(text))
		keep(console->tail[console->lines++ % GUEST_CONSOLE_LINES], console->line);
}

/* Printable ASCII as it is; whoever reads the message need not trust the guest */
static void add_byte(struct guest_console *console, unsigned char byte)
{
	size_t room = sizeof console->line - console->length;

	if (byte == '\r')
		return;
	if (byte < 0x80 && room > 1)
		console->line[console->length++] = (char)byte;
	else if (byte >= 0x80 && room > 4)
		console->length += (size_t)snprintf(console->line + console->length, room, "\\x%02x", byte);
}

void guest_console_add(struct guest_console *console, const char *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bytes[i] != '\n' && bytes[i] != '\0') {
			add_byte(console, (unsigned char)bytes[i]);
			continue;
		}
		console->line[console->length] = '\0';
		line_ended(console);
		console->length = 0;
	}
}

/* What is left without a newline is a last word, too. */
static void show_tail(const struct guest_console *console)
{
	unsigned first = console->lines > GUEST_CONSOLE_LINES ? console->lines - GUEST_CONSOLE_LINES : 0;

	for (unsigned i = first; i < console->lines; i++)
		log_line("guest console: %s", console->tail[i % GUEST_CONSOLE_LINES]);
	if (console->length)
		log_line("guest console: %.*s", (int)console->length, console->line);
}

void guest_console_last_words(const struct guest_console *console, enum guest_end_kind end)
{
	const char *verb = guest_end_verb(end);

	if (*console->panic)
		log_error("the guest's kernel panicked before its command ended: %s", console->panic);
	else if (console->lines || console->length)
		log_error("the guest %s while its command had not ended; the last lines of its console:", verb);
	else
		log_error("the guest %s while its command had not ended, and wrote nothing to its console", verb);
	if (!console->verbose)
		show_tail(console);
	if (!console->lines && !console->length)
		log_help("--verbose shows more of its start; too little --memory can be why");
	if (*console->killed || strstr(console->panic, "memory"))
		log_help("--memory SIZE gives it more memory");
}

void guest_console_explain_kill(const struct guest_console *console)
{
	if (!*console->killed)
		return;
	log_line("guest console: %s", console->killed);
	log_help("--memory SIZE gives it more memory");
}
