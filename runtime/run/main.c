/* msb-run: from argv to a policy to a sandbox to its exit status. */
#include "core/config.h"
#include "core/exit_status.h"
#include "core/log.h"
#include "core/memory.h"
#include "core/process.h"
#include "run/launcher.h"

#include <fcntl.h>
#include <unistd.h>

/* Else what we open next takes the place of a standard stream that is closed, and goes where that goes. */
static int fill_standard_streams(void)
{
	int fd;

	while ((fd = open("/dev/null", O_RDWR)) >= 0)
		if (fd > STDERR_FILENO)
			return close(fd);
	return -1;
}

int main(int argc, char **argv)
{
	process_notice_children();
	memory_prepare();
	log_open();
	memory_end_with(EXIT_STATUS_FAILED);
	struct arena *arena = arena_new();
	struct run_config config;
	int status = EXIT_STATUS_FAILED;

	if (fill_standard_streams())
		return status;
	switch (config_parse(arena, argc, argv, &config)) {
	case CONFIG_DONE:
		status = 0;
		break;
	case CONFIG_WRONG:
		break;
	case CONFIG_RUN:
		if (geteuid() == 0)
			status = launcher_run(&config);
		else
			log_error("needs root to make a network namespace; try: sudo msb-run ...");
		break;
	}
	arena_free(arena);
	return status;
}
