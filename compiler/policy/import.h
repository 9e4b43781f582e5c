/* microsandbox's own JSON policy and YAML network configuration, into a policy. Sizes and depth are
 * bounded, YAML aliases refused; errors go to diags with the place. */
#pragma once
#include "policy/policy.h"

/* Each adds rules, groups, ports, nameservers to *policy and sets the defaults it names. false: errors. */
bool import_json(struct policy *, uint32_t source, struct diags *);
bool import_yaml(struct policy *, uint32_t source, struct diags *);
