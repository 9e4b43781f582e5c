/* Policy files: whatever the bytes, an answer or an error, and every stage behind. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file("fuzz.msb", data, size);
	return 0;
}
