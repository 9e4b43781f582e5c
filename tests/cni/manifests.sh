#!/usr/bin/env bash
# docs/kubernetes.yml and docs/nomad.hcl: their objects by schemas that others publish, their policies by the linter and their own
# expectations, and what copies policies to a node. usage: manifests.sh BUILD
. "$(dirname "$0")/../cli/lib.sh"
modules=$BUILD/manifests/node_modules
checks=$root/tests/cni/manifests/check.mjs

python3 - "$root/docs/kubernetes.yml" <<'END' || exit 3
import json, os, sys, yaml
objects = list(yaml.safe_load_all(open(sys.argv[1])))
json.dump(objects, open("objects.json", "w"))
json.dump(objects + [{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "wrong"}, "spec": {"containers": "none"}}], open("wrong.json", "w"))
for kind in ("policies", "floors"):
    os.makedirs("from/" + kind)
    os.makedirs("to/" + kind)
    config = next(each for each in objects if each["metadata"]["name"] == "msb-" + kind)
    for name, text in config["data"].items():
        open(f"from/{kind}/{name}", "w").write(text)
daemons = next(each for each in objects if each["kind"] == "DaemonSet")
open("copy.sh", "w").write(daemons["spec"]["template"]["spec"]["containers"][0]["command"][2])
END
# What the compiler prints for others
printf '%s\n' 'default egress deny' 'default ingress deny' 'allow@dns' 'allow@1.2.3.0/24:tcp:443' 'allow@10.0.0.0/8:udp:5000-5010' \
	'allow:ingress@192.168.0.0/16:tcp:80' >printed.msb
for format in networkpolicy cilium; do
	"$policyc" compile --emit "$format" printed.msb >$format.json || not_ok "--emit $format"
done
jq -s . networkpolicy.json cilium.json >printed.json
if [ -d "$modules" ]; then
	node "$checks" "$modules" kubernetes printed.json
	node "$checks" "$modules" kubernetes objects.json
	contains "one that is wrong is found so" "$(node "$checks" "$modules" kubernetes wrong.json)" '^not ok Pod wrong - '
	node "$checks" "$modules" nomad "$root/docs/nomad.hcl"
else
	echo "ok manifests' schemas # SKIP make ci-deps fetches them"
fi
for policy in from/*/*.msb; do
	"$policyc" check --werror "$policy" >.out 2>&1 && "$policyc" test "$policy" >>.out 2>&1
	check "${policy##*/}: nothing is found, and its expectations hold" $? "$(cat .out)"
done

# What copies them, by the shell it is written for, with a sleep that ends it
sed "s#/from/#$work/from/#g; s#/to/#$work/to/#g; s/sleep 10/exit/" copy.sh >once.sh
once() { busybox sh once.sh >.out 2>&1 || { [ ! -s .out ] && return; cat .out; }; }
once
same "policies and floors get to the node" "$(cd from && find . -type f | sort)" "$(cd to && find . -type f | sort)"
same "whole" "" "$(diff -r from to)"
echo 'default any deny' >from/policies/python.msb
rm from/floors/agents.msb
inode=$(stat -c %i to/policies/python.msb)
once
same "a change gets there, what is gone goes" "" "$(diff -r from to)"
check "a file is replaced, not written over" "$([ "$inode" != "$(stat -c %i to/policies/python.msb)" ]; echo $?)"
finish
