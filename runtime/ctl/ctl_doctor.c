/* msb-ctl doctor: runs the checks and prints what they found. */
#include "ctl/ctl.h"
#include "doctor/doctor.h"

#include <string.h>
#include <unistd.h>

enum ctl_status ctl_doctor(struct ctl_line *line)
{
	struct doctor_report report = { .to = stdout, .json = line->format == CTL_JSON, .arena = line->arena };

	if (geteuid() != 0)
		return ctl_fail(line, "sudo msb-ctl doctor", "needs root, to try what sandboxes need");
	int error = doctor_all(doctor_print, &report);
	if (error < 0)
		return ctl_fail(line, NULL, "cannot run the checks: %s", strerror(-error));
	error = doctor_print_end(&report);
	if (error < 0)
		return ctl_fail(line, NULL, "cannot write: %s", strerror(-error));
	return report.counts[DOCTOR_PROBLEM] ? CTL_NO : CTL_FINE;
}
