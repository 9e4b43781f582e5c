/* Opening and checking the image. */
#include "vmm/rootfs.h"
#include "core/fd.h"
#include "core/log.h"
#include "vmm/rootfs_pack.h"

#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

/* Of https://www.qemu.org/docs/master/interop/qcow2.html, all big-endian */
#define QCOW2_HEADER_SIZE 80
#define QCOW2_VERSION 4
#define QCOW2_BACKING_FILE_OFFSET 8
#define QCOW2_INCOMPATIBLE_FEATURES 72 /* of version 3 */
#define QCOW2_EXTERNAL_DATA_FILE (1u << 2)
static const unsigned char qcow2_magic[4] = { 'Q', 'F', 'I', 0xfb };

static uint64_t big_endian(const unsigned char *bytes, size_t size)
{
	uint64_t value = 0;

	while (size--)
		value = value << 8 | *bytes++;
	return value;
}

const char *rootfs_qcow2_problem(const unsigned char *header, size_t size)
{
	if (size < QCOW2_HEADER_SIZE || memcmp(header, qcow2_magic, sizeof qcow2_magic) != 0)
		return "it is no qcow2 image";
	uint64_t version = big_endian(header + QCOW2_VERSION, 4);
	if (version != 2 && version != 3)
		return "it is a qcow2 image of an unknown version";
	if (big_endian(header + QCOW2_BACKING_FILE_OFFSET, 8))
		return "it has a backing file";
	if (version == 3 && big_endian(header + QCOW2_INCOMPATIBLE_FEATURES, 8) & QCOW2_EXTERNAL_DATA_FILE)
		return "it has a data file";
	return NULL;
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);

	return length > end_length && !strcmp(text + length - end_length, end);
}

static int refuse(const char *path, const char *why, int error)
{
	log_error("--rootfs %s: %s", path, why);
	return error;
}

/* Whether its header fits the format that its name tells */
static int check_format(const char *path, int image, enum qemu_disk_format format)
{
	unsigned char header[QCOW2_HEADER_SIZE];
	ssize_t size = pread(image, header, sizeof header, 0);

	if (size < 0)
		return refuse(path, strerror(errno), -errno);
	if (format == QEMU_DISK_RAW && size >= 4 && !memcmp(header, qcow2_magic, sizeof qcow2_magic))
		log_line("--rootfs %s: used as a raw image, though it begins like qcow2; FILE.qcow2 is used as "
			 "such",
			 path);
	const char *problem = format == QEMU_DISK_QCOW2 ? rootfs_qcow2_problem(header, (size_t)size) : NULL;
	if (!problem)
		return 0;
	refuse(path, problem, 0);
	log_help("qemu-img convert -O qcow2 IMAGE COPY.qcow2 makes one that needs no other file");
	return -EINVAL;
}

static int open_image(const char *path, int *out, enum qemu_disk_format *format)
{
	CLEANUP_FD int image = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (image < 0 || fstat(image, &st))
		return refuse(path, strerror(errno), -errno);
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		return refuse(path, "neither an image nor a directory", -EINVAL);
	if (flock(image, LOCK_EX | LOCK_NB))
		return refuse(path, "another guest uses it", -EBUSY);
	*format = ends_with(path, ".qcow2") ? QEMU_DISK_QCOW2 : QEMU_DISK_RAW;
	int error = check_format(path, image, *format);
	if (error == 0)
		*out = TAKE_FD(image);
	return error;
}

int rootfs_open(const struct run_config *config, int *out, enum qemu_disk_format *format)
{
	const char *path = config->rootfs;
	CLEANUP_FD int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct rootfs_pack pack = {
		.option = "--rootfs", .path = path, .directory = directory, .repack = config->repack
	};

	if (directory < 0 && errno == ENOTDIR)
		return config->repack ? refuse(path, "no directory, so --repack has nothing to pack", -EINVAL) :
					open_image(path, out, format);
	if (directory < 0)
		return refuse(path, strerror(errno), -errno);
	*format = QEMU_DISK_RAW;
	*out = rootfs_pack(&pack);
	return *out < 0 ? *out : 0;
}
