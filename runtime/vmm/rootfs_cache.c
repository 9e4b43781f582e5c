/* An entry is a file named after its digest. It is written without a name and gets one when it is whole and on disk, so that
 * whoever dies on the way leaves nothing. */
#include "vmm/rootfs_cache.h"
#include "core/fd.h"
#include "core/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#define CACHE "/var/cache/msb"
#define IMAGES "/var/tmp"
#define PREFIX "rootfs-"
#define NAME_SIZE (sizeof PREFIX + 2 * ROOTFS_DIGEST)
#define ENTRIES_MAX 8
#define BLOCKS_MAX (16ull * 1024 * 1024 * 2) /* of 512 bytes: 16 GiB */
#define COPY_MAX (64u << 20)

static int open_cache(void)
{
	struct stat st;

	if (mkdir(CACHE, 0700) && errno != EEXIST)
		return -errno;
	CLEANUP_FD int cache = open(CACHE, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (cache < 0 || fstat(cache, &st))
		return -errno;
	/* who else could write to it would choose what guests run */
	if (st.st_uid != geteuid() || st.st_mode & 077)
		return -EPERM;
	return TAKE_FD(cache);
}

static void name_of(const unsigned char digest[static ROOTFS_DIGEST], char name[static NAME_SIZE])
{
	int length = sprintf(name, PREFIX);

	for (size_t i = 0; i < ROOTFS_DIGEST; i++)
		length += sprintf(name + length, "%02x", digest[i]);
}

int rootfs_cache_new_image(void)
{
	int image = open(IMAGES, O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);

	return image < 0 ? -errno : image;
}

/* One piece of data, at its place. Across file systems sendfile() does what copy_file_range() may not. */
static int copy_range(int from, int to, off_t start, off_t end)
{
	off_t in = start, out = start;
	ssize_t n = 1;

	while (in < end && (n = copy_file_range(from, &in, to, &out, (size_t)(end - in), 0)) > 0)
		;
	if (in >= end)
		return 0;
	if (lseek(to, in, SEEK_SET) < 0)
		return -errno;
	while (in < end &&
	       (n = sendfile(to, from, &in, (size_t)(end - in) < COPY_MAX ? (size_t)(end - in) : COPY_MAX)) > 0)
		;
	return in >= end ? 0 : n < 0 ? -errno : -EIO;
}

/* Shares the blocks where the file system can; holes stay holes. */
static int copy_image(int from, int to)
{
	struct stat st;
	int error = fstat(from, &st) ? -errno : 0;

	if (error == 0 && !ioctl(to, FICLONE, from))
		return 0;
	if (error == 0 && ftruncate(to, st.st_size))
		error = -errno;
	for (off_t end = 0; error == 0;) {
		off_t start = lseek(from, end, SEEK_DATA);
		if (start < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(from, start, SEEK_HOLE);
		error = end < 0 ? -errno : copy_range(from, to, start, end);
	}
	return error;
}

int rootfs_cache_find(const unsigned char digest[static ROOTFS_DIGEST])
{
	CLEANUP_FD int cache = open_cache(), entry = -1, image = -1;
	char name[NAME_SIZE];
	struct stat st;

	if (cache < 0)
		return cache;
	name_of(digest, name);
	entry = openat(cache, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (entry < 0 || fstat(entry, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return -EPERM;
	futimens(entry, NULL); /* used last, so gone last */
	image = rootfs_cache_new_image();
	int error = image < 0 ? image : copy_image(entry, image);
	return error < 0 ? error : TAKE_FD(image);
}

/* Removes the least recently used entry where there are too many; whether there was one to remove */
static bool remove_oldest(int cache)
{
	char oldest[NAME_SIZE] = "";
	struct timespec oldest_time = { 0 };
	uint64_t entries = 0, blocks = 0;
	int fd = openat(cache, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *listing = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat st;

	while (listing && (entry = readdir(listing))) {
		if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) || strlen(entry->d_name) >= NAME_SIZE ||
		    fstatat(cache, entry->d_name, &st, AT_SYMLINK_NOFOLLOW))
			continue;
		entries++;
		blocks += (uint64_t)st.st_blocks;
		if (!*oldest || st.st_mtim.tv_sec < oldest_time.tv_sec ||
		    (st.st_mtim.tv_sec == oldest_time.tv_sec && st.st_mtim.tv_nsec < oldest_time.tv_nsec)) {
			strcpy(oldest, entry->d_name);
			oldest_time = st.st_mtim;
		}
	}
	if (listing)
		closedir(listing);
	return (entries > ENTRIES_MAX || (blocks > BLOCKS_MAX && entries > 1)) && !unlinkat(cache, oldest, 0);
}

static int keep(int cache, const char *name, int image)
{
	CLEANUP_FD int entry = openat(cache, ".", O_RDWR | O_TMPFILE | O_CLOEXEC, 0600);
	char path[32];
	int error = entry < 0 ? -errno : copy_image(image, entry);

	if (error == 0 && fsync(entry))
		error = -errno;
	if (error < 0)
		return error;
	unlinkat(cache, name, 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", entry);
	/* another run may have been faster, with the same */
	return linkat(AT_FDCWD, path, cache, name, AT_SYMLINK_FOLLOW) && errno != EEXIST ? -errno : 0;
}

void rootfs_cache_keep(const unsigned char digest[static ROOTFS_DIGEST], int image)
{
	CLEANUP_FD int cache = open_cache();
	char name[NAME_SIZE];

	name_of(digest, name);
	int error = cache < 0 ? cache : keep(cache, name, image);
	if (error < 0)
		log_line("the packed directory is not kept in " CACHE ": %s", strerror(-error));
	while (error == 0 && remove_oldest(cache))
		;
}
