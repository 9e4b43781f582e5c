/* All checks, in the order in which one leads to the next: the kernel, what of nf_tables it has, the host's network, guests. */
#include "doctor/doctor.h"

static const struct doctor_group *const groups[] = { &doctor_kernel, &doctor_features, &doctor_host, &doctor_guest };

int doctor_all(void (*each)(const struct doctor_check *, const struct doctor_finding *, void *), void *context)
{
	struct doctor_finding finding;

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		for (size_t j = 0; j < groups[i]->count; j++) {
			const struct doctor_check *check = &groups[i]->checks[j];
			int error = doctor_try(check, &finding);
			if (error < 0)
				return error;
			each(check, &finding, context);
		}
	return 0;
}
