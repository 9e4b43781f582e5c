/* What the importers of Kubernetes' objects share. Errors go to the resolver's diags, results belong to its arena.
 * Inside the library only. */
#pragma once
#include "policy/import_keys.h"
#include "policy/resolve_state.h"
#include "policy/yaml_tree.h"

struct import {
	struct resolver *r;
	const char *kind;                        /* of the file's objects; NULL: none was read yet */
	const struct yaml_node *metadata, *pods; /* of the first object */
	struct span isolated[2];                 /* where egress, ingress are; SPAN_NONE: nowhere */
	size_t prefixes;
};

struct diag *import_report(struct import *, const char *id, const struct yaml_node *at, const char *what);
bool import_is_text(const struct yaml_node *, const char *text); /* NULL is none */
bool import_is_null(const struct yaml_node *);                   /* NULL is */
/* Whether it is a map that has keys of this shape only; else that is reported */
bool import_map(struct import *, const struct yaml_node *, enum import_shape);
/* A member that is a list; NULL where it is absent or null, or none, which is reported */
const struct yaml_node *import_list(struct import *, const struct yaml_node *map, const char *key);
/* Whether it is a map, or not there; another value is reported */
bool import_is_map(struct import *, const struct yaml_node *, const char *key);
/* Whether the object is about the pods of the file's first one, which `selector`, a key of `spec`, selects; else that is reported */
bool import_same_pods(struct import *, const struct yaml_node *object, const struct yaml_node *spec,
		      const char *selector);

/* An address or network. false: that was reported, *out is unchanged */
bool import_prefix(struct import *, const struct yaml_node *, struct policy_target *out);
/* Appends the networks of the block's `cidr` without those of `except`, which may be NULL */
void import_block(struct import *, const struct yaml_node *block, const struct yaml_node *except,
		  struct policy_targets *out);
/* From 1 to 65535. false: that was reported, *out is unchanged */
bool import_port_number(struct import *, const struct yaml_node *, uint16_t *out);
/* Appends a copy to the policy's rules, its text made; nothing without targets */
void import_add_rule(struct import *, const struct policy_rule *);
