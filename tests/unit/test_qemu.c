/* What QEMU is told, what follows its initrd, and which accelerator it gets: all without starting it. */
#include "vmm/accel.h"
#include "vmm/initrd.h"
#include "vmm/qemu_argv.h"

#include <criterion/criterion.h>
#include <string.h>

static struct arena *arena;

static void setup(void)
{
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(arena);
}

TestSuite(qemu, .init = setup, .fini = teardown);

static const struct qemu_config agent_guest = {
	.program = "/usr/bin/qemu-system-x86_64",
	.accel = ACCEL_TCG,
	.tsc_khz = 2095000,
	.memory_mib = 256,
	.cpus = 2,
	.kernel = "/kernel",
	.initrd = "/initrd",
	.tap = 4,
	.mac = { 0x02, 0x6d, 172, 16, 0, 2 },
	.console = 5,
	.events = 10,
	.in = 6,
	.out = 7,
	.err = 8,
	.control = 9,
	.disk = -1,
};

/* The argument that follows `name` the nth time (from 0), or NULL */
static const char *argument(char **argv, const char *name, int nth)
{
	for (; *argv; argv++)
		if (!strcmp(*argv, name) && nth-- == 0)
			return argv[1];
	return NULL;
}

static int count(char **argv, const char *name)
{
	int found = 0;

	while (argument(argv, name, found))
		found++;
	return found;
}

Test(qemu, sandbox_and_machine)
{
	char **argv = qemu_argv(arena, &agent_guest);

	cr_assert_str_eq(argv[0], "/usr/bin/qemu-system-x86_64");
	cr_assert_str_eq(argument(argv, "-sandbox", 0),
			 "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	cr_assert_str_eq(argument(argv, "-M", 0), "microvm,accel=tcg");
	cr_assert_str_eq(argument(argv, "-cpu", 0), "max");
	cr_assert_str_eq(argument(argv, "-m", 0), "256M");
	cr_assert_str_eq(argument(argv, "-smp", 0), "2");
	cr_assert(argument(argv, "-nodefaults", 0) && argument(argv, "-no-user-config", 0));
	cr_assert_not(argument(argv, "-monitor", 0));
}

Test(qemu, tap_by_descriptor)
{
	char **argv = qemu_argv(arena, &agent_guest);

	cr_assert_str_eq(argument(argv, "-netdev", 0), "tap,id=net0,fd=4");
	cr_assert_eq(count(argv, "-netdev"), 1);
	cr_assert_str_eq(argument(argv, "-device", count(argv, "-device") - 1),
			 "virtio-net-device,netdev=net0,mac=02:6d:ac:10:00:02");
}

Test(qemu, an_mtu_is_told_to_the_driver)
{
	struct qemu_config config = agent_guest;

	config.mtu = 9000;
	char **argv = qemu_argv(arena, &config);
	cr_assert_str_eq(argument(argv, "-device", count(argv, "-device") - 1),
			 "virtio-net-device,netdev=net0,mac=02:6d:ac:10:00:02,host_mtu=9000");
}

Test(qemu, clocks_are_told_under_tcg_only)
{
	struct qemu_config config = agent_guest;

	cr_assert(strstr(argument(qemu_argv(arena, &config), "-append", 0), "tsc_early_khz=2095000"));
	config.accel = ACCEL_KVM;
	char **argv = qemu_argv(arena, &config);
	cr_assert_not(strstr(argument(argv, "-append", 0), "tsc"));
	cr_assert_str_eq(argument(argv, "-cpu", 0), "host");
	cr_assert_str_eq(argument(argv, "-M", 0), "microvm,accel=kvm");
}

Test(qemu, a_kernel_of_the_user_s_tests_its_ciphers)
{
	struct qemu_config config = agent_guest;

	cr_assert_not(strstr(argument(qemu_argv(arena, &config), "-append", 0), "notests"));
	config.known_kernel = true;
	cr_assert(strstr(argument(qemu_argv(arena, &config), "-append", 0), " cryptomgr.notests"));
}

Test(qemu, streams_are_ports)
{
	char **argv = qemu_argv(arena, &agent_guest);

	cr_assert_eq(count(argv, "-chardev"), 6);
	cr_assert_str_eq(argument(argv, "-chardev", 1), "socket,id=msb.in,fd=6");
	cr_assert_str_eq(argument(argv, "-device", 1), "virtserialport,chardev=msb.in,name=msb.in");
	cr_assert_str_eq(argument(argv, "-device", 4), "virtserialport,chardev=msb.control,name=msb.control");
}

Test(qemu, events_come_by_qmp)
{
	char **argv = qemu_argv(arena, &agent_guest);

	cr_assert_str_eq(argument(argv, "-chardev", 5), "socket,id=events,fd=10");
	cr_assert_str_eq(argument(argv, "-mon", 0), "chardev=events,mode=control");
	cr_assert_eq(count(argv, "-mon"), 1);
}

Test(qemu, without_an_agent_only_console_and_events)
{
	struct qemu_config config = agent_guest;

	config.in = config.out = config.err = config.control = -1;
	config.tap = -1;
	char **argv = qemu_argv(arena, &config);
	cr_assert_eq(count(argv, "-chardev"), 2);
	cr_assert_eq(count(argv, "-device"), 0);
	cr_assert_eq(count(argv, "-netdev"), 0);
}

Test(qemu, disk_by_descriptor_with_its_format)
{
	struct qemu_config config = agent_guest;

	config.disk = 11;
	config.disk_format = QEMU_DISK_RAW;
	char **argv = qemu_argv(arena, &config);
	cr_assert_str_eq(argument(argv, "-add-fd", 0), "fd=11,set=1");
	cr_assert(strstr(argument(argv, "-blockdev", 0), "\"filename\":\"/dev/fdset/1\""));
	cr_assert(strstr(argument(argv, "-blockdev", 1), "\"driver\":\"raw\""));
	cr_assert_eq(count(argv, "-drive") + count(argv, "-hda"), 0, "those probe the format");
	config.disk_format = QEMU_DISK_QCOW2;
	cr_assert(strstr(argument(qemu_argv(arena, &config), "-blockdev", 1), "\"driver\":\"qcow2\""));
}

Test(qemu, volumes_by_socket_or_as_disks_to_read)
{
	struct qemu_config config = agent_guest;
	struct guest_volumes volumes = { 2, { { 12, -1, -1 }, { -1, 13, -1 } } };

	config.volumes = &volumes;
	char **argv = qemu_argv(arena, &config);
	cr_assert_str_eq(argument(argv, "-object", 0), "memory-backend-memfd,id=ram,size=256M,share=on");
	cr_assert_str_eq(argument(argv, "-M", 0), "microvm,accel=tcg,memory-backend=ram");
	cr_assert_str_eq(argument(argv, "-chardev", 5), "socket,id=msb-volume0,fd=12");
	cr_assert_str_eq(argument(argv, "-device", 6), "vhost-user-fs-device,chardev=msb-volume0,tag=msb-volume0");
	cr_assert_str_eq(argument(argv, "-add-fd", 0), "fd=13,set=3");
	cr_assert(strstr(argument(argv, "-blockdev", 0), "\"read-only\":true"));
	cr_assert(strstr(argument(argv, "-blockdev", 1), "\"read-only\":true"));
	cr_assert_str_eq(argument(argv, "-device", 7), "virtio-blk-device,drive=disk2,serial=msb-volume1");
	volumes.items[0] = volumes.items[1];
	cr_assert_not(argument(qemu_argv(arena, &config), "-object", 0), "only virtiofsd shares the guest's memory");
}

/* The data of a member of a newc archive; NULL where it has none of that name */
static const char *member(const char *archive, size_t size, const char *name, size_t *length)
{
	for (size_t at = 0; at + 110 <= size;) {
		unsigned fields[13];

		cr_assert(!strncmp(archive + at, "070701", 6), "a header at %zu", at);
		for (int i = 0; i < 13; i++)
			cr_assert_eq(sscanf(archive + at + 6 + 8 * i, "%8X", &fields[i]), 1);
		const char *found = archive + at + 110;
		size_t data = (at + 110 + fields[11] + 3) & ~(size_t)3;
		if (!strcmp(found, name)) {
			*length = fields[6];
			return archive + data;
		}
		at = (data + fields[6] + 3) & ~(size_t)3;
	}
	return NULL;
}

static struct vmm_start guest_of(struct run_config *config)
{
	struct vmm_start start = { .config = config, .gateway.has4 = true };

	cr_assert(addr_parse("172.16.0.1", &start.gateway.v4) && addr_parse("172.16.0.2", &start.guest4));
	return start;
}

Test(qemu, command_reaches_the_guest_byte_for_byte)
{
	char *command[] = { "sh", "", "a  b\n'\"$x", "\xff\x01", NULL };
	static const char expected[] = "sh\0\0a  b\n'\"$x\0\xff\x01";
	struct run_config config = { .name = "agent", .command = command };
	struct vmm_start start = guest_of(&config);
	struct initrd_run run = { .start = &start };
	char *archive;
	size_t size, length;

	cr_assert_eq(initrd_make(&run, &archive, &size), 0);
	const char *argv = member(archive, size, "msb/argv", &length);
	cr_assert(argv);
	cr_assert_eq(length, sizeof expected);
	cr_assert_eq(memcmp(argv, expected, length), 0);
	cr_assert(member(archive, size, "TRAILER!!!", &length));
	cr_assert_not(member(archive, size, "msb/terminal", &length));
	free(archive);
}

Test(qemu, search_domains_reach_the_guest)
{
	const char *domains[] = { "svc.cluster.local", "corp.example" };
	struct run_config config = { .name = "agent", .dns_search = { domains, 2, 2 } };
	struct vmm_start start = guest_of(&config);
	struct initrd_run run = { .start = &start };
	char *archive;
	size_t size, length;

	cr_assert_eq(initrd_make(&run, &archive, &size), 0);
	const char *text = member(archive, size, "msb/run", &length);
	static const char expected[] = "ROOTFS=\nSEARCH=svc.cluster.local,corp.example\n";
	cr_assert(length > strlen(expected));
	cr_assert_eq(memcmp(text + length - strlen(expected), expected, strlen(expected)), 0);
	free(archive);
}

Test(qemu, addresses_reach_the_guest)
{
	struct run_config config = { .name = "agent" };
	struct vmm_start start = guest_of(&config);
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	struct initrd_run run = { .start = &start, .terminal = &size, .term = "xterm", .has_rootfs = true };
	static const char expected[] =
		"ADDRESS4=172.16.0.2/30 GATEWAY4=172.16.0.1\nADDRESS6= GATEWAY6=\nNAME=agent\nROOTFS=msb-root\n";
	char *archive;
	size_t archive_size, length;

	cr_assert_eq(initrd_make(&run, &archive, &archive_size), 0);
	const char *text = member(archive, archive_size, "msb/run", &length);
	cr_assert_eq(length, strlen(expected));
	cr_assert_eq(memcmp(text, expected, length), 0);
	text = member(archive, archive_size, "msb/terminal", &length);
	cr_assert_eq(memcmp(text, "24 80\n", 6), 0);
	text = member(archive, archive_size, "msb/argv", &length);
	cr_assert_str_eq(text, "/bin/sh");
	free(archive);
}

static bool processor_can(const char *cpuinfo)
{
	FILE *file = fmemopen((void *)cpuinfo, strlen(cpuinfo), "r");
	bool can = accel_processor_can(file);

	fclose(file);
	return can;
}

Test(qemu, a_processor_that_can_run_guests_says_so)
{
	cr_assert(processor_can("processor\t: 0\nflags\t\t: fpu vme svm sse\n"));
	cr_assert(processor_can("flags\t\t: vmx\n"));
	cr_assert_not(processor_can("processor\t: 0\nflags\t\t: fpu vme sse hypervisor\n"));
	cr_assert_not(processor_can("vmx flags\t: vnmi\nflags\t\t: vmx_not svm2\n"));
	cr_assert_not(processor_can("processor\t: 0\n"));
}
