/* A change of a thread's effective or file-system ids makes the kernel forget the parent-death signal and make the process as dumpable as
 * fs.suid_dumpable says (commit_creds()): both are put back here. A parent that ends in between is not told of by PR_SET_PDEATHSIG. */
#pragma once

struct changed_ids {
	int death_signal, dumpable; /* before */
};
int changed_ids_begin(struct changed_ids *); /* 0 or -errno */
void changed_ids_end(const struct changed_ids *);
