#!/usr/bin/env bash
# action.yml, the example workflow and the hooks: their scripts, run as GitHub and pre-commit run them, in a scratch
# repository with a made-up event and an API of our own on loopback. usage: action.sh BUILD
# unsanitized: it builds msb-policyc itself, and tries scripts
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="action: "
export HOME=$work GIT_CONFIG_NOSYSTEM=1 RUNNER_TEMP=$work/temp GITHUB_EVENT_PATH=$work/event.json
export GITHUB_STEP_SUMMARY=$work/summary GITHUB_REPOSITORY=o/r ACTION_PATH=$root TEST_TOKEN=writes
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
mkdir temp api
git config --global user.name t; git config --global user.email t@example.org; git config --global init.defaultBranch main
python3 "$root/tests/cli/action/api.py" "$work/api" & api=$!
trap 'kill $api 2>/dev/null; rm -rf "$work"' EXIT
for _ in $(seq 200); do [ ! -e api/port ] || break; sleep 0.05; done
export GITHUB_API_URL=http://127.0.0.1:$(cat api/port)
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy

# act INPUT=VALUE…: runs the action; out, $status
act() { python3 "$root/tests/cli/action/run.py" "$root/action.yml" program="$policyc" "$@" >"$work/out" 2>&1; status=$?; out=$(cat "$work/out"); }
comments() { jq -r "$1" "$work/api/comments.json" 2>/dev/null || echo none; }

# ---- a pull request, with names that would run if they were pasted ----
git init -q repo; cd repo || exit 3
odd='x$(touch pwned)`touch pwned`";touch pwned;#.msb'
nl=$'line\n::error::forged.msb'
printf 'default egress deny\ninclude "base.inc"\nexpect allow egress@10.0.0.1:tcp:443\n' >agent.msb
printf 'allow@10.0.0.1:tcp:443\n' >base.inc
for name in "$odd" "$nl" ./--werror.msb ./-x.msb; do printf 'default egress deny\nallow@10.0.0.1:tcp:443\n' >"$name"; done
git add -A; git commit -qm base; base=$(git rev-parse HEAD); git switch -qc change
printf 'allow@10.0.0.1:tcp:443\nallow@10.0.0.2:tcp:443\n' >base.inc; printf 'default egress deny\nallow@10.0.0.9:tcp:443\n' >"$odd"
git commit -qam change
printf '{"pull_request":{"number":7,"base":{"sha":"%s"}}}' "$base" >"$GITHUB_EVENT_PATH"
act
same "a change that is fine: status" 0 "$status"
[ ! -e pwned ]; check "nothing in a name runs" $? "$out"
lacks "nor becomes a workflow command" "$out" '^::error::forged'
same "one comment" 1 "$(comments length)"
contains "it tells what the include opens" "$(comments '.[0].body')" '\*\*opens\*\* \| `egress@10\.0\.0\.2:tcp:443`'
contains "and so does the summary" "$(cat "$GITHUB_STEP_SUMMARY")" '^#### `agent\.msb`: opens 1'
act; same "run again: the same comment" 1 "$(comments length)"
git checkout -q "$base"; act
same "changed back: the comment says so" '### Network policies: no change' "$(comments '.[0].body' | sed -n 2p)"
lacks "the token is no argument of a program" "$(cat "$root/action.yml")" "-H ['\"]Authorization"
rm "$work/api/comments.json"; act; same "nothing to say: no comment" none "$(comments length)"
git checkout -q change
python3 - "$work/api/comments.json" <<'P'
import json, sys
mark = "<!-- msb-policyc diff -->\nmine"
json.dump([{"id": i, "user": {"login": "stranger"}, "body": mark} for i in range(150)], open(sys.argv[1], "w"))
P
act; same "a stranger's comment with our mark stays theirs" "151 mine" "$(comments '"\(length) \(.[3].body|split("\n")[1])"')"
act; same "ours is found on the second page" 151 "$(comments length)"
TEST_TOKEN=reads act; same "a fork's token may not comment, which is no failure: status" 0 "$status"
contains "and is said" "$out" '^::notice::no comment'
GITHUB_API_URL=http://127.0.0.1:9/ act; same "no answer fails" 1 "$status"
rm "$work/api/comments.json"; act comment=false; same "comment=false" none "$(comments length)"
act fail-on=opened; same "fail-on=opened: status" 1 "$status"
same "and the comment is written all the same" 1 "$(comments length)"
act files=agent.msb; lacks "files: one" "$(comments '.[0].body')" 'pwned'
act files=$'agent.msb\n./-x.msb'; same "files: two, one with a hyphen" 0 "$status"
printf 'default egress deny\nallow@10.0.0.1:tcp:443\nexpect deny egress@10.0.0.1:tcp:443\n' >agent.msb; act
contains "an expectation that fails is a failure" "$out" '^\[Expectations\] [1-9]'
printf 'default egress deny\nallow@public\n' >agent.msb; act
contains "a warning fails" "$out" '^\[What is wrong or risky, beside the code\] [1-9]'
contains "the rest runs all the same" "$out" '^\[One comment\] 0'
act werror=false; contains "werror=false" "$out" '^\[What is wrong or risky, beside the code\] 0'
printf 'default egress deny\nallow@nonsense\n' >agent.msb; act; contains "an error fails the comparison too" "$out" '^\[What the change opens and closes\] 1'
git checkout -q .
echo "{\"before\":\"$base\",\"repository\":{\"default_branch\":\"main\"}}" >"$GITHUB_EVENT_PATH"; : >"$GITHUB_STEP_SUMMARY"; act
contains "a push is compared with what it replaced" "$(cat "$GITHUB_STEP_SUMMARY")" 'opens'
printf '{"pull_request":{"number":7,"base":{"sha":"%040d"}}}' 1 >"$GITHUB_EVENT_PATH"; act
contains "a base that is not there" "$out" 'has no commit'
same "fails" 1 "$status"

# ---- what is built ----
mkdir "$work/bin"
printf '#!/bin/sh\necho "make $*" >>"%s/made"\ncase "$*" in *BUILD=*) mkdir -p "%s/msb-policy"; cp "%s" "%s/msb-policy/";; esac\n' \
	"$work" "$RUNNER_TEMP" "$policyc" "$RUNNER_TEMP" >"$work/bin/make"; chmod +x "$work/bin/make"
printf '{"pull_request":{"number":7,"base":{"sha":"%s"}}}' "$base" >"$GITHUB_EVENT_PATH"
PATH="$work/bin:$PATH" act program=
same "without a program it is built from the action's sources: status" 0 "$status"
contains "msb-policyc alone" "$(cat "$work/made")" "^make -C $root -j[0-9]+ BUILD=.* policyc$"
cd "$root" || exit 3
made=$(make -n BUILD="$work/none" policyc 2>&1)
contains "make policyc builds msb-policyc" "$made" 'msb-policyc'
lacks "and neither the runtime nor the guest" "$made" ' runtime/[a-z]|libmsbruntime|-l(nftnl|seccomp|ldns|mnl|cap-ng)|clang|qemu'
list=$(sed -n 's/^policyc_packages="\(.*\)"$/\1/p' deps.sh)
lacks "make deps-policyc wants no QEMU, clang or libraries of the runtime" "$list" 'qemu|clang|nftnl|ldns|seccomp|cap-ng|mnl'
for package in $(sed -n 's/^COMPILER_PKGS := //p' Makefile); do
	debian=$(dpkg -S "$(pkg-config --variable=pcfiledir "$package")/$package.pc" 2>/dev/null | cut -d: -f1)
	[[ -z $debian || " $list " == *" $debian "* ]]; check "deps.sh policyc has what $package is in" $? "$debian"
done

# ---- the example workflow and the hooks ----
python3 - <<'P' >"$work/out" 2>&1
import re, yaml
for name in "action.yml", "docs/policy-review.yml":
    document = yaml.safe_load(open(name))
    steps = document["runs"]["steps"] if "runs" in document else document["jobs"]["review"]["steps"]
    for step in steps:
        assert "${{" not in step.get("run", ""), f"{name}: {step['name']}: an expression in a script"
        assert re.fullmatch(r"actions/checkout@v\d+|", step.get("uses", "")), step
P
check "no script holds an expression, and nothing of third parties is used" $? "$(tail -1 "$work/out")"
version=$(sed -n 's/^VERSION  := //p' Makefile)
for file in docs/policy-review.yml docs/review.md; do
	contains "$file names this version's tag" "$(cat "$file")" "v${version//./\\.}\b"
done
cd "$work/repo" && git checkout -q change; : >"$GITHUB_STEP_SUMMARY"
printf '#!/bin/sh\nexec "%s" "$@"\n' "$policyc" >"$work/bin/msb-policyc"; chmod +x "$work/bin/msb-policyc"
printf '#!/bin/sh\nexit 0\n' >"$work/bin/sudo"; cp "$work/bin/sudo" "$work/bin/make"; chmod +x "$work/bin/sudo"
printf '#!/bin/sh\n[ "$1" = clone ] || exec %s "$@"\n' "$(command -v git)" >"$work/bin/git"; chmod +x "$work/bin/git"
BASE=$base PATH="$work/bin:$PATH" python3 "$root/tests/cli/action/run.py" "$root/docs/policy-review.yml" >"$work/out" 2>&1
contains "the workflow's comparison runs" "$(cat "$work/out")" '^\[What the change opens and closes\] 0'
contains "and tells the include's change" "$(cat "$GITHUB_STEP_SUMMARY")" 'egress@10\.0\.0\.2:tcp:443'
[ ! -e pwned ]; check "nothing in a name runs there" $?
while IFS=$'\t' read -r id entry; do
	# pre-commit: the entry's words, then the names
	for file in --werror.msb -x.msb; do
		printf 'default   egress deny\nallow@10.0.0.1:tcp:443\nexpect allow egress@10.0.0.1:tcp:443\n' >"./$file"
		# shellcheck disable=SC2086
		PATH="$work/bin:$PATH" $entry "$file" >"$work/out" 2>&1
		check "$id: $file is a file" $? "$(cat "$work/out")"
	done
done < <(python3 -c 'import sys, yaml
for hook in yaml.safe_load(open(sys.argv[1])): print(hook["id"], hook["entry"], sep="\t")' "$root/.pre-commit-hooks.yaml")
finish
