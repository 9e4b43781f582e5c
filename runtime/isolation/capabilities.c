/* Sets of capabilities, by libcap-ng. */
#include "isolation/capabilities.h"
#include "core/process.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>

int capabilities_keep(const unsigned *capabilities, size_t count)
{
	process_forget_environment();
	capng_clear(CAPNG_SELECT_ALL);
	for (size_t i = 0; i < count; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, capabilities[i]);
	/* The bounding set first, while SETPCAP is there to do it with */
	if (capng_apply(CAPNG_SELECT_BOUNDS) || capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	return 0;
}

int capabilities_keep_through_exec(const unsigned *capabilities, size_t count)
{
	capng_clear(CAPNG_SELECT_BOTH);
	for (size_t i = 0; i < count; i++)
		capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET, capabilities[i]);
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}

int capabilities_drop(const unsigned *capabilities, size_t count)
{
	const capng_type_t sets = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_INHERITABLE | CAPNG_BOUNDING_SET;

	if (capng_get_caps_process())
		return -EPERM;
	for (size_t i = 0; i < count; i++)
		capng_update(CAPNG_DROP, sets, capabilities[i]);
	return capng_apply(CAPNG_SELECT_BOTH) ? -EPERM : 0;
}
