/* jansson 2.14 writes behind the end of a string where memory runs out while it reads one. */
#pragma once

/* From now on its memory is there, or the process ends as an arena's does: a main()'s to call. */
void json_memory_must(void);
