/* A microvm without firmware tables, PCI or a default device: what is on the command line is
 * what the guest can touch. */
#include "vmm/qemu_argv.h"
#include "guest/agent.h"

#include <string.h>

/* Starting processes, regaining privileges and the like, should a guest control QEMU: denied by seccomp */
#define SANDBOX "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"

/* `reboot=t`: by triple fault, which ends a microvm started with -no-reboot. */
#define KERNEL_APPEND "console=ttyS0 panic=-1 reboot=t"
/* Under TCG the calibration of the clocks hangs at random, so the kernel is told the results: its time stamp
 * counter is the host's. With any other rate the counter would be found unstable, and the guest's clock tick in
 * steps of 4 ms. */
#define KERNEL_APPEND_TCG " lpj=4000000 no_timer_check tsc=reliable tsc_early_khz=%u"

/* Of the default guest's kernel: a sixth of its boot is tests of ciphers, which it does not use. */
#define KERNEL_APPEND_KNOWN " cryptomgr.notests"

struct words {
	struct arena *arena;
	LIST_OF(char *) list;
};

static void add(struct words *words, char *word)
{
	*arena_push(words->arena, &words->list) = word;
}

/* An option and its argument, if it has one */
static void option(struct words *words, const char *name, char *argument)
{
	add(words, arena_strdup(words->arena, name));
	if (argument)
		add(words, argument);
}

#define format(words, ...) arena_printf((words)->arena, __VA_ARGS__)

static bool has_sockets(const struct guest_volumes *volumes)
{
	for (size_t i = 0; volumes && i < volumes->count; i++)
		if (volumes->items[i].socket >= 0)
			return true;
	return false;
}

static void add_machine(struct words *words, const struct qemu_config *config)
{
	bool kvm = config->accel == ACCEL_KVM;

	option(words, "-nodefaults", NULL);
	option(words, "-no-user-config", NULL);
	option(words, "-no-reboot", NULL);
	option(words, "-display", format(words, "none"));
	option(words, "-sandbox", format(words, SANDBOX));
	/* virtiofsd reads and writes the guest's memory */
	bool shared = has_sockets(config->volumes);
	if (shared) {
		option(words, "-object",
		       format(words, "memory-backend-memfd,id=ram,size=%uM,share=on", config->memory_mib));
		/* it speaks virtio 1.0 only */
		option(words, "-global", format(words, "virtio-mmio.force-legacy=false"));
	}
	option(words, "-M",
	       format(words, "microvm,accel=%s%s", kvm ? "kvm" : "tcg", shared ? ",memory-backend=ram" : ""));
	option(words, "-cpu", format(words, "%s", kvm ? "host" : "max"));
	option(words, "-m", format(words, "%uM", config->memory_mib));
	option(words, "-smp", format(words, "%u", config->cpus));
}

static void add_kernel(struct words *words, const struct qemu_config *config)
{
	const char *root = !config->initrd && config->disk_format ? " root=/dev/vda rw" : "";

	option(words, "-kernel", format(words, "%s", config->kernel));
	if (config->initrd)
		option(words, "-initrd", format(words, "%s", config->initrd));
	const char *tcg = config->accel == ACCEL_TCG ? format(words, KERNEL_APPEND_TCG, config->tsc_khz) : "";
	option(words, "-append",
	       format(words, KERNEL_APPEND "%s%s%s%s", config->verbose ? "" : " quiet", tcg,
		      config->known_kernel ? KERNEL_APPEND_KNOWN : "", root));
}

/* A stream socket as a character device */
static void add_chardev(struct words *words, const char *id, int fd)
{
	option(words, "-chardev", format(words, "socket,id=%s,fd=%d", id, fd));
}

static void add_port(struct words *words, const char *name, int fd)
{
	add_chardev(words, name, fd);
	option(words, "-device", format(words, "virtserialport,chardev=%s,name=%s", name, name));
}

static void add_streams(struct words *words, const struct qemu_config *config)
{
	add_chardev(words, "console", config->console);
	option(words, "-serial", format(words, "chardev:console"));
	if (config->control < 0)
		return;
	option(words, "-device", format(words, "virtio-serial-device,max_ports=5"));
	add_port(words, AGENT_IN, config->in);
	add_port(words, AGENT_OUT, config->out);
	add_port(words, AGENT_ERR, config->err);
	add_port(words, AGENT_CONTROL, config->control);
}

static void add_network(struct words *words, const struct qemu_config *config)
{
	const uint8_t *mac = config->mac;

	if (config->tap < 0)
		return;
	option(words, "-netdev", format(words, "tap,id=net0,fd=%d", config->tap));
	const char *mtu = config->mtu ? format(words, ",host_mtu=%u", config->mtu) : "";
	option(words, "-device",
	       format(words, "virtio-net-device,netdev=net0,mac=%02x:%02x:%02x:%02x:%02x:%02x%s", mac[0], mac[1],
		      mac[2], mac[3], mac[4], mac[5], mtu));
}

/* The image goes by descriptor and its format is stated, never probed: a guest that writes another format's
 * header to its disk gains nothing. */
static void add_image(struct words *words, unsigned number, int image, const char *driver, bool read_only,
		      const char *serial)
{
	const char *mode = read_only ? "true" : "false";

	option(words, "-add-fd", format(words, "fd=%d,set=%u", image, number + 1));
	option(words, "-blockdev",
	       format(words,
		      "{\"node-name\":\"file%u\",\"driver\":\"file\",\"filename\":\"/dev/fdset/"
		      "%u\",\"locking\":\"off\","
		      "\"read-only\":%s}",
		      number, number + 1, mode));
	option(words, "-blockdev",
	       format(words, "{\"node-name\":\"disk%u\",\"driver\":\"%s\",\"file\":\"file%u\",\"read-only\":%s%s}",
		      number, driver, number, mode, strcmp(driver, "qcow2") ? "" : ",\"backing\":null"));
	option(words, "-device", format(words, "virtio-blk-device,drive=disk%u,serial=%s", number, serial));
}

static void add_disk(struct words *words, const struct qemu_config *config)
{
	if (config->disk_format)
		add_image(words, 0, config->disk, config->disk_format == QEMU_DISK_QCOW2 ? "qcow2" : "raw", false,
			  QEMU_ROOT_NAME);
}

static void add_volumes(struct words *words, const struct qemu_config *config)
{
	const struct guest_volumes *volumes = config->volumes;

	for (size_t i = 0; volumes && i < volumes->count; i++) {
		const struct guest_volume *volume = &volumes->items[i];
		char *name = format(words, QEMU_VOLUME_NAME, i);
		if (volume->image >= 0) {
			add_image(words, (unsigned)i + 1, volume->image, "raw", true, name);
			continue;
		}
		add_chardev(words, name, volume->socket);
		option(words, "-device", format(words, "vhost-user-fs-device,chardev=%s,tag=%s", name, name));
	}
}

static void add_events(struct words *words, const struct qemu_config *config)
{
	add_chardev(words, "events", config->events);
	option(words, "-mon", format(words, "chardev=events,mode=control"));
}

char **qemu_argv(struct arena *arena, const struct qemu_config *config)
{
	struct words words = { .arena = arena };

	add(&words, arena_strdup(arena, config->program));
	add_machine(&words, config);
	add_kernel(&words, config);
	add_streams(&words, config);
	add_network(&words, config);
	add_disk(&words, config);
	add_volumes(&words, config);
	add_events(&words, config);
	add(&words, NULL);
	return words.list.items;
}
