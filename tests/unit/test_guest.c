/* What a guest's disk may be, and what dnsmasq is told. */
#include "vmm/dhcp.h"
#include "vmm/rootfs.h"

#include <criterion/criterion.h>
#include <string.h>

/* A qcow2 header of a version, which says nothing else */
static void qcow2(unsigned char header[static 104], unsigned char version)
{
	memset(header, 0, 104);
	memcpy(header, "QFI\xfb\0\0\0", 7);
	header[7] = version;
}

Test(rootfs, a_qcow2_image_stands_alone)
{
	unsigned char header[104];

	qcow2(header, 2);
	cr_assert_null(rootfs_qcow2_problem(header, sizeof header));
	qcow2(header, 3);
	cr_assert_null(rootfs_qcow2_problem(header, sizeof header));
	header[79] = 1 << 0 | 1 << 1 | 1 << 3; /* dirty, corrupt, compression: other incompatible features */
	cr_assert_null(rootfs_qcow2_problem(header, sizeof header));
}

Test(rootfs, no_backing_file_at_any_offset)
{
	unsigned char header[104];

	for (int byte = 8; byte < 16; byte++) {
		qcow2(header, 3);
		header[byte] = 1;
		cr_assert_str_eq(rootfs_qcow2_problem(header, sizeof header), "it has a backing file");
	}
}

Test(rootfs, no_data_file)
{
	unsigned char header[104];

	qcow2(header, 3);
	header[79] = 1 << 2;
	cr_assert_str_eq(rootfs_qcow2_problem(header, sizeof header), "it has a data file");
}

Test(rootfs, what_is_no_qcow2_image)
{
	unsigned char header[104];

	qcow2(header, 4);
	cr_assert(rootfs_qcow2_problem(header, sizeof header));
	qcow2(header, 3);
	cr_assert_str_eq(rootfs_qcow2_problem(header, 79), "it is no qcow2 image", "cut short");
	header[3] = 0;
	cr_assert_str_eq(rootfs_qcow2_problem(header, sizeof header), "it is no qcow2 image");
}

static bool has(char **argv, const char *word)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, word))
			return true;
	return false;
}

static struct dhcp_start guest(bool has4, bool has6)
{
	struct dhcp_start start = { .gateway = { .has4 = has4, .has6 = has6 }, .mac = { 2, 0x6d, 172, 16, 0, 2 } };

	cr_assert(addr_parse("172.16.0.1", &start.gateway.v4) && addr_parse("172.16.0.2", &start.guest4));
	cr_assert(addr_parse("fd42:6d73:62::1", &start.gateway.v6) && addr_parse("fd42:6d73:62::2", &start.guest6));
	return start;
}

Test(dhcp, one_address_of_each_family)
{
	struct arena *arena = arena_new();
	struct dhcp_start start = guest(true, true);
	char **argv = dhcp_argv(arena, &start);

	cr_assert(has(argv, "--port=0"), "no DNS");
	cr_assert(has(argv, "--dhcp-host=02:6d:ac:10:00:02,172.16.0.2,[fd42:6d73:62::2],1h"));
	cr_assert(has(argv, "--dhcp-range=172.16.0.2,static,255.255.255.252,1h"));
	cr_assert(has(argv, "--dhcp-range=fd42:6d73:62::2,static,64,1h"));
	cr_assert(has(argv, "--dhcp-option=option:dns-server,172.16.0.1"));
	cr_assert(has(argv, "--enable-ra"));
	arena_free(arena);
}

Test(dhcp, an_mtu_is_told_where_there_is_one)
{
	struct arena *arena = arena_new();
	struct dhcp_start start = guest(true, true);

	for (char **word = dhcp_argv(arena, &start); *word; word++)
		cr_expect_null(strstr(*word, "option:mtu"), "%s", *word);
	start.mtu = 1400;
	cr_expect(has(dhcp_argv(arena, &start), "--dhcp-option=option:mtu,1400"));
	arena_free(arena);
}

Test(dhcp, a_family_without_a_gateway_is_not_offered)
{
	struct arena *arena = arena_new();
	struct dhcp_start start = guest(true, false);
	char **argv = dhcp_argv(arena, &start);

	cr_assert(has(argv, "--dhcp-host=02:6d:ac:10:00:02,172.16.0.2,1h"));
	cr_assert_not(has(argv, "--enable-ra"));
	start = guest(false, true);
	argv = dhcp_argv(arena, &start);
	cr_assert(has(argv, "--dhcp-host=02:6d:ac:10:00:02,[fd42:6d73:62::2],1h"));
	cr_assert_not(has(argv, "--dhcp-range=172.16.0.2,static,255.255.255.252,1h"));
	arena_free(arena);
}
