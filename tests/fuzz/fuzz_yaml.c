/* microsandbox's YAML network configuration. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_file("fuzz.yaml", data, size);
	return 0;
}
