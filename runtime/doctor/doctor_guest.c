/* What a guest in QEMU takes, and what its options take. --vmm none needs none of it. */
#include "core/config.h"
#include "core/fd.h"
#include "doctor/doctor.h"
#include "vmm/accel.h"
#include "vmm/dhcp.h"
#include "vmm/guest_files.h"
#include "vmm/guest_volumes.h"
#include "vmm/vmm.h"

#include <string.h>

static void kvm(const struct doctor_check *check, struct doctor_finding *finding)
{
	const char *why = accel_kvm_unusable();

	(void)check;
	if (why)
		doctor_say(finding, DOCTOR_NOTE, "not usable (%s): guests run under TCG, slower", why);
	else
		doctor_say(finding, DOCTOR_OK, "/dev/kvm opens, and the processor has vmx or svm");
}

/* Of a program of the system's, by its fixed path */
static void say_version(struct doctor_finding *finding, const char *program)
{
	char command[128], line[DOCTOR_TEXT_MAX] = "";

	snprintf(command, sizeof command, "%s --version 2>/dev/null", program);
	FILE *output = popen(command, "re");
	if (output && !fgets(line, sizeof line, output))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	if (output && pclose(output) == 0 && *line)
		doctor_say(finding, DOCTOR_OK, "%s", line);
	else
		doctor_say(finding, DOCTOR_PROBLEM, "%s is there, but does not run", program);
}

static void qemu(const struct doctor_check *check, struct doctor_finding *finding)
{
	const char *program = vmm_qemu_program();

	(void)check;
	if (program)
		say_version(finding, program);
	else
		doctor_say(finding, DOCTOR_PROBLEM, "not there");
}

static void default_guest(const struct doctor_check *check, struct doctor_finding *finding)
{
	const struct run_config config = { .vmm = VMM_QEMU };
	struct guest_files files;

	(void)check;
	if (guest_files_open(&config, &files) < 0)
		return doctor_say(finding, DOCTOR_PROBLEM, "its files are not all there");
	close(files.kernel);
	close(files.initrd);
	doctor_say(finding, DOCTOR_OK, "kernel and initrd");
}

static void tell_program(struct doctor_finding *finding, const char *program, const char *without)
{
	if (program && access(program, X_OK) == 0)
		doctor_say(finding, DOCTOR_OK, "%s", program);
	else
		doctor_say(finding, DOCTOR_NOTE, "not there: %s", without);
}

static void virtiofsd(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check;
	tell_program(finding, guest_volumes_program(), "volumes (-v) are copies, and only to read");
}

static void dnsmasq(const struct doctor_check *check, struct doctor_finding *finding)
{
	(void)check;
	tell_program(finding, DHCP_PROGRAM, "guests with an init of their own (--kernel, --initrd) get no address");
}

/* Found by PATH, as execvpe() does */
static void mke2fs(const struct doctor_check *check, struct doctor_finding *finding)
{
	static const char *const places[] = { "/usr/sbin/mke2fs", "/sbin/mke2fs", "/usr/local/sbin/mke2fs",
					      "/usr/bin/mke2fs" };
	const char *program = NULL;

	(void)check;
	for (size_t i = 0; !program && i < sizeof places / sizeof *places; i++)
		if (access(places[i], X_OK) == 0)
			program = places[i];
	tell_program(finding, program, "a directory cannot be a guest's root (--rootfs DIRECTORY)");
}

static const struct doctor_check checks[] = {
	{ "KVM", kvm, "a processor with virtualization, switched on in the firmware; in a VM: nested virtualization", 0,
	  NULL },
	{ "QEMU", qemu, NULL, 0, NULL },
	{ "default guest", default_guest, NULL, 0, NULL },
	{ "virtiofsd", virtiofsd, "apt-get install virtiofsd, or on Debian 12 qemu-system-common", 0, NULL },
	{ "dnsmasq", dnsmasq, "apt-get install dnsmasq-base", 0, NULL },
	{ "mke2fs", mke2fs, "apt-get install e2fsprogs", 0, NULL },
};
const struct doctor_group doctor_guest = { checks, sizeof checks / sizeof *checks };
