/* A short list: a policy has few such rules. */
#include "report/meters.h"
#include "lower/sandbox_net.h"

#include <stdlib.h>
#include <string.h>

bool meters_by_prefix(const char *prefix, uint32_t *meter)
{
	size_t len = strlen(LOWER_QUOTA_PREFIX);
	char *end;

	if (strncmp(prefix, LOWER_QUOTA_PREFIX, len) != 0)
		return false;
	unsigned long value = strtoul(prefix + len, &end, 16);
	if (*end || value > UINT32_MAX || !(value & POLICY_METER_FLAG))
		return false;
	*meter = (uint32_t)value;
	return true;
}

long meters_rule(const struct policy *policy, uint32_t meter)
{
	for (size_t i = 0; meter && i < policy->rules.count; i++)
		if (policy->rules.items[i].meter == meter)
			return (long)i;
	return -1;
}

bool meters_is_spent(const struct meters *meters, uint32_t meter)
{
	for (size_t i = 0; meter && i < meters->count; i++)
		if (meters->spent[i] == meter)
			return true;
	return false;
}

bool meters_note(struct meters *meters, uint32_t meter)
{
	if (meters_is_spent(meters, meter) || meters->count == POLICY_METERS_MAX)
		return false;
	meters->spent[meters->count++] = meter;
	return meters->anew = true;
}
