/* setfsuid(2) tells nothing but who it was before: whether it worked is asked by a second call. A change of these ids makes the kernel forget
 * the parent-death signal and make the process as dumpable as fs.suid_dumpable says (commit_creds()). */
#include "isolation/as_owner.h"

#include <errno.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static int become(int uid, int gid)
{
	setfsgid((gid_t)gid);
	setfsuid((uid_t)uid);
	return setfsuid((uid_t)-1) == uid && setfsgid((gid_t)-1) == gid ? 0 : -EPERM;
}

int as_owner_begin(struct as_owner *before, int directory)
{
	struct stat st;

	if (fstat(directory, &st) < 0 || prctl(PR_GET_PDEATHSIG, &before->death_signal) < 0)
		return -errno;
	before->dumpable = prctl(PR_GET_DUMPABLE);
	before->uid = setfsuid((uid_t)-1);
	before->gid = setfsgid((gid_t)-1);
	int error = become((int)st.st_uid, (int)st.st_gid);
	if (error < 0)
		as_owner_end(before);
	return error;
}

void as_owner_end(const struct as_owner *before)
{
	become(before->uid, before->gid);
	prctl(PR_SET_DUMPABLE, before->dumpable == 1);
	prctl(PR_SET_PDEATHSIG, before->death_signal);
}
