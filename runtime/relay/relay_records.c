/* Two tables by serial. */
#include "relay/relay_records.h"

static void start(struct relay_record *record, const struct relay_flow *flow, uint32_t serial)
{
	*record = (struct relay_record){ .used = true, .flow = *flow };
	record->flow.serial = serial;
}

uint32_t relay_records_add_pair(struct relay_records *records, const struct relay_flow *flow)
{
	while (records->first_free < RELAY_RECORDS_PAIRS && records->pairs[records->first_free].used)
		records->first_free++;
	if (records->first_free == RELAY_RECORDS_PAIRS)
		return 0;
	struct relay_record *record = &records->pairs[records->first_free];
	uint32_t uses = record->flow.serial / RELAY_RECORDS_PAIRS % (UINT32_MAX / RELAY_RECORDS_PAIRS - 1) + 1;
	start(record, flow, uses * RELAY_RECORDS_PAIRS + (uint32_t)records->first_free);
	return record->flow.serial;
}

static void stop(struct relay_records *records, struct relay_record *record)
{
	if (record->used && record->ending != RELAY_GOES_ON)
		records->ending--;
	record->used = false;
	record->ending = RELAY_GOES_ON;
}

void relay_records_add_flow(struct relay_records *records, const struct relay_flow *flow)
{
	struct relay_record *record = &records->flows[flow->serial % RELAY_SLOTS_MAX];

	stop(records, record);
	start(record, flow, flow->serial);
}

struct relay_record *relay_records_find(struct relay_records *records, struct relay_serial serial)
{
	struct relay_record *record = serial.pair ? &records->pairs[serial.serial % RELAY_RECORDS_PAIRS] :
						    &records->flows[serial.serial % RELAY_SLOTS_MAX];

	return record->used && record->flow.serial == serial.serial ? record : NULL;
}

void relay_records_drop(struct relay_records *records, struct relay_serial serial)
{
	struct relay_record *record = relay_records_find(records, serial);

	if (!record)
		return;
	stop(records, record);
	if (serial.pair && (size_t)(record - records->pairs) < records->first_free)
		records->first_free = (size_t)(record - records->pairs);
}

bool relay_records_end(struct relay_records *records, struct relay_serial serial)
{
	struct relay_record *record = relay_records_find(records, serial);

	if (!record || record->ending != RELAY_GOES_ON)
		return false;
	record->ending = RELAY_TO_BE_TOLD;
	records->ending++;
	return true;
}
