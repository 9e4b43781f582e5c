/* Kubernetes' NetworkPolicy and Cilium's: what all of a file's objects allow together. Inside the library only. */
#pragma once
#include "policy/resolve_state.h"
#include "policy/yaml_tree.h"

/* Whether a document is one of Kubernetes: it has an `apiVersion` */
bool import_k8s_is(const struct yaml_node *root);
/* Adds to the resolver's policy; errors go to its diags. */
void import_k8s(struct resolver *, const struct yaml_documents *);
