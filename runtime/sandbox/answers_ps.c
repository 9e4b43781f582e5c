/* What tells one sandbox from another: a row of `ps`, and the head of `status`. */
#include "core/clock.h"
#include "lower/sandbox_net.h"
#include "sandbox/answers.h"
#include "sandbox/setup.h"

static json_t *address_json(struct addr addr)
{
	char text[ADDR_TEXT_MAX];

	return json_string(addr_format(addr, text));
}

static json_t *published_json(const struct relay *relay)
{
	json_t *list = json_array();
	struct relay_published port;

	for (size_t i = 0; relay_published(relay, i, &port); i++)
		json_array_append_new(list, json_pack("{s:o, s:i, s:i, s:s}", "bind", address_json(port.bind),
						      "host_port", port.host_port, "guest_port", port.guest_port,
						      "protocol", port.tcp ? "tcp" : "udp"));
	return list;
}

/* One of each family that the sandbox has */
static json_t *both(const struct addr_gateway *gateway, bool guest)
{
	json_t *list = json_array();

	if (gateway->has4)
		json_array_append_new(list, address_json(guest ? lower_guest(gateway, ADDR_V4) : gateway->v4));
	if (gateway->has6)
		json_array_append_new(list, address_json(guest ? lower_guest(gateway, ADDR_V6) : gateway->v6));
	return list;
}

json_t *answer_ps(void *self, const json_t *request, struct control_call *call)
{
	const struct sandbox *sandbox = self;
	const struct run_config *config = sandbox->start->config;
	json_t *answer = json_object();

	(void)request, (void)call;
	json_object_set_new(answer, "name", json_string(config->name));
	json_object_set_new(answer, "pid", json_integer(sandbox->start->pid));
	json_object_set_new(answer, "started", control_time(&sandbox->started));
	json_object_set_new(answer, "up_ms", json_integer((json_int_t)(clock_ms() - sandbox->started_ms)));
	json_object_set_new(answer, "vmm",
			    json_string(config->pod                     ? "pod" :
					config->vmm == VMM_NONE         ? "none" :
					sandbox->vmm.accel == ACCEL_KVM ? "qemu/kvm" :
									  "qemu/tcg"));
	json_object_set_new(answer, "guest", both(&sandbox->gateway, true));
	json_object_set_new(answer, "gateway", both(&sandbox->gateway, false));
	/* of a file's name any bytes: the policy's text is what the user named, and jansson takes UTF-8 alone */
	json_t *policy = json_string(config->policy->name);
	json_object_set_new(answer, "policy", policy ? policy : json_string("?"));
	json_object_set_new(answer, "denied", json_integer((json_int_t)denials_total(sandbox->denials)));
	json_object_set_new(answer, "published", published_json(sandbox->relay));
	return answer;
}
