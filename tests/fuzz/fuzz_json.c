/* microsandbox's JSON policies. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file("fuzz.json", data, size);
	return 0;
}
