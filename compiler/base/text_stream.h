/* The end of a stream of open_memstream(). Where memory runs out it may lose what was written, or all of it, and fclose() say 0. */
#pragma once
#include <stdio.h>

/* Closes it: 0, and *text has all that was written; or -ENOMEM, and *text is freed and NULL. */
int text_stream_close(FILE *, char **text);
