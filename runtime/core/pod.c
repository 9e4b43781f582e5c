/* How many pods there are, without a look into what is known of them. */
#include "core/pod.h"

#include <dirent.h>
#include <string.h>

size_t pod_count(void)
{
	DIR *dir = opendir(POD_DIRECTORY);
	struct dirent *entry;
	size_t count = 0;

	while (dir && (entry = readdir(dir)))
		count += strchr(entry->d_name, '@') && !strchr(entry->d_name, ':');
	if (dir)
		closedir(dir);
	return count;
}
