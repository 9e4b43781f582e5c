/* -v without a VM: what COMMAND finds at a place of the host's is another directory of the host's. */
#include "core/fd.h"
#include "core/log.h"
#include "vmm/vmm_none.h"
#include "vmm/volume.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>

static int mount_volume(const struct run_volume *wanted)
{
	struct volume volume;
	int error = volume_open(wanted, true, &volume);

	if (error < 0)
		return error;
	CLEANUP_FD int tree = volume.tree;
	if (!move_mount(tree, "", AT_FDCWD, wanted->guest, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_SYMLINKS))
		return 0;
	error = -errno;
	log_error("-v %s:%s: cannot mount it there: %s", wanted->host, wanted->guest, strerror(-error));
	log_help("with --vmm none it has to be a directory of the host's, and none is made");
	return error;
}

int vmm_none_mount_volumes(const struct vmm_start *start)
{
	int error = 0;

	for (size_t i = 0; error == 0 && i < start->config->volume_count; i++)
		error = mount_volume(&start->config->volumes[i]);
	return error;
}
