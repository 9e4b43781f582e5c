/* A claim is a locked byte of one file that has no content. The kernel drops the lock with the last copy of the descriptor,
 * so a claim ends with the processes that hold it, however they end, and nothing needs putting back.
 *
 * A sandbox's locks are for writing. Who looks for leftovers locks for reading: no sandbox can start meanwhile, and who asks whether
 * one is running, which only a lock for writing is, is not told of it.
 *
 *   bytes 0 to UID_BLOCKS - 1   a block of uids each
 *   bytes from NAME_BASE on     a name each, at its hash of 62 bits */
#include "sandbox/claims.h"
#include "base/fnv.h"
#include "core/fd.h"
#include "core/log.h"
#include "core/run_directory.h"
#include "core/uids.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>

#define UIDS_IN_BLOCK 8u
#define UID_BLOCKS (UIDS_COUNT / UIDS_IN_BLOCK)
#define NAME_BASE ((off_t)1 << 62)

static int lock(int fd, off_t byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };

	return fcntl(fd, F_OFD_SETLK, &lock) ? -errno : 0;
}

static bool is_taken(int error)
{
	return error == -EAGAIN || error == -EACCES;
}

static off_t byte_of(const char *name)
{
	return NAME_BASE + (off_t)(fnv_text(FNV_START, name) >> 2);
}

/* Who looks for leftovers holds a name's claim for a moment */
#define CLAIM_TRIES 30
#define CLAIM_AGAIN_NS 10000000

static int claim_name(int fd, const char *name)
{
	int error = lock(fd, byte_of(name), F_WRLCK);

	for (int i = 0; i < CLAIM_TRIES && is_taken(error); i++) {
		nanosleep(&(struct timespec){ .tv_nsec = CLAIM_AGAIN_NS }, NULL);
		error = lock(fd, byte_of(name), F_WRLCK);
	}
	if (is_taken(error)) {
		log_error("a sandbox called `%s` is running", name);
		log_help("another --name, or none: then one is made up");
	} else if (error < 0) {
		log_error("cannot claim the name `%s`: %s", name, strerror(-error));
	}
	return error;
}

/* From a random block on, so that hosts in containers, which do not see each other's claims, hardly ever meet */
static int claim_uids(int fd, uid_t *uid)
{
	uint32_t first = 0;

	if (getrandom(&first, sizeof first, GRND_NONBLOCK) < 0)
		first = (uint32_t)getpid();
	int error = -EAGAIN;
	for (uint32_t i = 0; i < UID_BLOCKS && is_taken(error); i++) {
		uint32_t block = (first + i) % UID_BLOCKS;
		error = lock(fd, block, F_WRLCK);
		*uid = UIDS_FIRST + block * UIDS_IN_BLOCK;
	}
	if (error < 0)
		log_error("cannot claim uids for the sandbox: %s", strerror(-error));
	return error;
}

int claims_take(const char *name, struct claims *out)
{
	CLEANUP_FD int directory = run_directory_open();

	if (directory < 0)
		return directory;
	CLEANUP_FD int fd = openat(directory, CLAIMS_FILE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	int error = fd < 0 ? -errno : 0;
	if (error < 0)
		log_error(RUN_DIRECTORY "/" CLAIMS_FILE ": %s", strerror(-error));
	if (error == 0)
		error = claim_name(fd, name);
	if (error == 0)
		error = claim_uids(fd, &out->uid);
	if (error == 0)
		out->fd = TAKE_FD(fd);
	return error;
}

int claims_hold_name(int directory, const char *name)
{
	CLEANUP_FD int fd = openat(directory, CLAIMS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	int error = fd < 0 ? -errno : lock(fd, byte_of(name), F_RDLCK);

	return is_taken(error) ? -EAGAIN : error < 0 ? error : TAKE_FD(fd);
}

bool claims_any(int directory)
{
	CLEANUP_FD int fd = openat(directory, CLAIMS_FILE, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	struct flock all = { .l_type = F_RDLCK, .l_whence = SEEK_SET }; /* to the end, whatever that is */

	if (fd < 0)
		return errno != ENOENT;
	return fcntl(fd, F_OFD_GETLK, &all) < 0 || all.l_type != F_UNLCK;
}

int claims_is_taken(int directory, const char *name)
{
	CLEANUP_FD int fd = openat(directory, CLAIMS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct flock claim = { .l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = byte_of(name), .l_len = 1 };

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (fcntl(fd, F_OFD_GETLK, &claim))
		return -errno;
	return claim.l_type != F_UNLCK;
}
