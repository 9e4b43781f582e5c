#include "base/text_stream.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

int text_stream_close(FILE *stream, char **text)
{
	bool failed = ferror(stream) || fflush(stream);

	if (fclose(stream) == 0 && !failed && *text)
		return 0;
	free(*text);
	*text = NULL;
	return -ENOMEM;
}
