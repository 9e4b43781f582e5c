/* setfsuid(2) tells nothing but who it was before: whether it worked is asked by a second call. */
#include "isolation/as_owner.h"

#include <errno.h>
#include <sys/fsuid.h>
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

	int error = fstat(directory, &st) < 0 ? -errno : changed_ids_begin(&before->changed);
	if (error < 0)
		return error;
	before->uid = setfsuid((uid_t)-1);
	before->gid = setfsgid((gid_t)-1);
	error = become((int)st.st_uid, (int)st.st_gid);
	if (error < 0)
		as_owner_end(before);
	return error;
}

void as_owner_end(const struct as_owner *before)
{
	become(before->uid, before->gid);
	changed_ids_end(&before->changed);
}
