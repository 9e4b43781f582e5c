#!/usr/bin/env bash
# diff --git: a change of a repository, includes and links as they were on both sides. usage: diff-git.sh BUILD
set -u
. "$(dirname "$0")/lib.sh"
TAP_PREFIX="diff --git: "
export HOME=$work GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_DATE='2026-01-01T00:00:00Z' GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
unset GIT_DIR GIT_WORK_TREE GIT_INDEX_FILE
git config --global user.name t; git config --global user.email t@example.org
git config --global init.defaultBranch main; git config --global protocol.file.allow always
repo() { rm -rf "$work/$1"; git init -q "$work/$1"; cd "$work/$1" || exit 3; }
save() { git add -A && git commit -qm "${1:-x}"; }
# out is what it prints, both streams; $status
run() { "$policyc" diff --git "$@" >"$work/out" 2>&1; status=$?; out=$(cat "$work/out"); }

# ---- includes, the case that reading one file by `git show` gets wrong ----
repo includes
printf 'default egress deny\ninclude "shared/base.msb"\n' >agent.msb
printf 'default egress deny\nallow@10.9.0.0/16:tcp:1\n' >other.msb
mkdir shared; printf 'include "deeper.msb"\n' >shared/base.msb; printf 'allow@10.0.0.1:tcp:443\n' >shared/deeper.msb
save; git switch -qc change
printf 'allow@10.0.0.1:tcp:443\nallow@10.0.0.2:tcp:443\n' >shared/deeper.msb
run main
same "an include of an include that changes is seen: status" 1 "$status"
contains "the policy that includes it is named" "$out" '^\+\+\+ agent\.msb$'
contains "what opens is told" "$out" '^\+ allow egress@10\.0\.0\.2:tcp:443 '
contains "with the include's place" "$out" 'now .* shared/deeper\.msb:2'
lacks "a policy that does not include it is not listed" "$out" 'other\.msb'
contains "and is counted" "$out" '^3 policies of 4 since [0-9a-f]{10}, where `main` and HEAD part: opens 3 regions$'
save; run main; contains "committed, it is the same" "$out" '^\+ allow egress@10\.0\.0\.2:tcp:443 '
run main agent.msb; contains "a file named" "$out" '^1 policy of 1 since .*: opens 1 region$'
run main shared; lacks "a directory named" "$out" 'agent\.msb'
run main other.msb; same "a file that does not change: status" 0 "$status"
contains "is said" "$out" '^no change: 1 policy is as in [0-9a-f]{10}, where `main` and HEAD part$'
git switch -q main; printf 'default egress deny\nallow@10.9.0.0/16:tcp:{1,2}\n' >other.msb; save
git switch -q change; run main
lacks "what the other branch changed meanwhile is no part of it" "$out" 'other\.msb'
git switch -q --detach; run main; same "a detached HEAD" 1 "$status"
cd shared; run main; contains "from a subdirectory: all of the repository, told from there" "$out" 'now .* deeper\.msb:2'
run main ../agent.msb; contains "and a file above" "$out" '^\+\+\+ agent\.msb$'
run main "$work/includes/agent.msb"; contains "by an absolute path" "$out" '^\+\+\+ agent\.msb$'
cd ..
run HEAD; same "nothing since HEAD: status" 0 "$status"
json=$("$policyc" diff --git main --format json agent.msb)
same "JSON" "agent.msb modified 1 1" "$(jq -r '.policies[0] | "\(.after) \(.fate) \(.opened) \(.changes|length)"' <<<"$json")"
same "JSON has the commit" "$(git merge-base main HEAD)" "$(jq -r .base <<<"$json")"
echo "$json" >"$work/json"
python3 -c 'import json, sys, jsonschema
jsonschema.validate(json.load(open(sys.argv[1])), json.load(open(sys.argv[2])))' "$work/json" "$root/docs/diff.schema.json" >"$work/out" 2>&1
check "JSON fits its schema" $? "$(tail -3 "$work/out")"
run main --format markdown
same "Markdown begins with one mark for all" '<!-- msb-policyc diff -->' "$(head -1 <<<"$out")"
contains "Markdown has a section a policy" "$out" '^#### `agent\.msb`: opens 1$'
run main --fail-on none; same "--fail-on none" 0 "$status"
run main --fail-on opened; same "--fail-on opened" 1 "$status"

# ---- added, removed, renamed ----
repo files
printf 'default egress deny\nallow@10.0.0.1:tcp:1\nallow@10.0.0.2:tcp:2\nallow@10.0.0.3:tcp:3\n' >old.msb
printf 'allow@public\n' >gone.msb; save
git mv old.msb new.msb; sed -i 's/10.0.0.3:tcp:3/10.0.0.3:tcp:{3,4}/' new.msb; git rm -q gone.msb
printf 'default egress deny\nallow@10.1.0.0/16:tcp:443\n' >added.msb; run HEAD
contains "renamed: followed" "$out" '^--- [0-9a-f]{10}:old\.msb$'
contains "renamed: only what changes opens" "$out" '^\+ allow egress@10\.0\.0\.3:tcp:4 '
lacks "renamed: not all of it" "$out" 'egress@10\.0\.0\.1'
contains "added and not yet known to git: all that it allows opens" "$out" '^\+ allow egress@10\.1\.0\.0/16:tcp:443 '
contains "added: said" "$out" '^! no policy before: compared as one under which nothing passes$'
contains "removed: closes" "$out" '^- deny  egress@public'
contains "removed: said" "$out" '^! no policy afterwards'
same "their fates" "added removed renamed" "$("$policyc" diff --git HEAD --format json | jq -r '[.policies[].fate]|sort|join(" ")')"
"$policyc" diff /dev/null added.msb >"$work/out"; same "diff /dev/null NEW: status" 1 $?
contains "diff /dev/null NEW: all that it allows opens" "$(cat "$work/out")" '^\+ allow egress@10\.1\.0\.0/16:tcp:443 '
lacks "nobody connects in without a published port" "$(cat "$work/out")" 'ingress'
printf 'default egress deny\ndefault ingress deny\nallow:ingress@private:tcp:80\npublish 0.0.0.0:80:80\n' >"$work/in.msb"
contains "with one, who may is told" "$("$policyc" diff /dev/null "$work/in.msb")" '^\+ allow ingress@private:tcp:80 '
"$policyc" diff added.msb /dev/null >"$work/out"; contains "diff OLD /dev/null" "$(cat "$work/out")" '^- deny  egress@10\.1\.0\.0/16:tcp:443 '
printf '# shared\nlibrary\nallow@10.0.0.1\n' >added.msb; run HEAD added.msb
lacks "a library is no policy" "$out" '10\.0\.0\.1'
printf 'library\n' >new.msb; run HEAD new.msb; save
printf 'default egress deny\nallow@10.0.0.1\n' >new.msb; run HEAD; contains "a library that becomes a policy is new" "$out" '^--- /dev/null$'

# ---- errors of either side ----
repo errors
printf 'default egress deny\nallow@nonsense\n' >a.msb; printf 'default egress deny\ninclude "none.msb"\n' >b.msb; save
printf 'default egress deny\nallow@10.0.0.1:tcp:443\n' >a.msb; run HEAD
contains "errors before are said" "$out" '^! before: had 1 error, first .* at [0-9a-f]{10}:a\.msb:2:7, and is compared as one under which nothing passes'
lacks "and not also that there was none" "$out" '^! no policy'
contains "and all opens" "$out" '^\+ allow egress@10\.0\.0\.1:tcp:443'
run HEAD --fail-on opened; same "which counts as opening" 1 "$status"
git commit -qam y; printf 'default egress deny\nallow@nonsense\n' >a.msb; run HEAD
same "errors now: status" 1 "$status"
run HEAD --fail-on none; same "whatever --fail-on says" 1 "$status"
contains "with their line" "$out" '^a\.msb:2:7: error:'
contains "and in the report" "$out" '^! now: not compared, it has 1 error'

# ---- links, and what include may reach ----
repo links
mkdir p q; printf 'allow@10.7.7.7\n' >q/secret.msb; printf 'allow@10.0.0.1\n' >p/real.msb
ln -s real.msb p/link.msb; ln -s ../q/secret.msb p/out.msb; ln -s /etc/passwd p/abs.msb; ln -s q dir; ln -s loop.msb p/loop.msb
printf 'default egress deny\ninclude "link.msb"\n' >p/inside.msb
for n in out abs loop; do printf 'default egress deny\ninclude "%s.msb"\n' $n >p/by-$n.msb; done
printf 'default egress deny\ninclude "../q/secret.msb"\n' >p/by-dots.msb
printf 'allow@10.0.0.9\n' >p/.hidden.msb; printf 'default egress deny\ninclude ".hidden.msb"\n' >p/by-dot.msb; save
for n in inside by-out by-abs by-loop by-dots by-dot; do printf 'default egress deny\n' >p/$n.msb; done
run HEAD p/inside.msb; contains "a link within the directory is followed in the revision" "$out" '^- deny  egress@10\.0\.0\.1 '
for n in by-out by-abs by-dots by-loop; do
	run HEAD p/$n.msb; contains "$n: outside of the policy's directory, as on the disk" "$out" '^! before: .*outside'
	lacks "$n: nothing of it is read" "$out" '10\.7\.7\.7|root:'
done
run HEAD p/by-dot.msb; contains "a name that begins with a dot" "$out" '^! before: .*begins with a dot'
run HEAD p/by-out.msb --include-root .; contains "--include-root holds for the revision too" "$out" '^- deny  egress@10\.7\.7\.7 '
run HEAD p/by-out.msb --include-root /tmp; [ "$status" != 0 ]; check "--include-root outside of the repository is refused" $?
git checkout -q .; rm p/real.msb; printf 'allow@10.0.0.1\nallow@10.0.0.2\n' >p/real.msb; run HEAD
contains "what a link leads to changes" "$out" '^\+\+\+ p/inside\.msb$'
ln -sf real.msb p/to.msb; git add -A; git commit -qm l; ln -sf ../q/secret.msb p/to.msb
run HEAD p/to.msb; contains "a link that now leads out is not shown" "$out" '^! now: not compared, it has a link that leads out'
lacks "not a word" "$out" '10\.7'
git add -A; git commit -qm l; printf 'default egress deny\nallow@10.7.7.7\nallow@10.7.7.8\n' >q/secret.msb
run HEAD p/to.msb; contains "nor of the old side" "$out" 'a link that leads out'; lacks "not a word of it" "$out" '10\.7'
run HEAD p/to.msb --include-root .; contains "--include-root allows it on both sides" "$out" '^\+ allow egress@10\.7\.7\.8 '

# ---- names ----
repo names
odd=$'a\n$(touch pwned)`touch pwned`\e[31m::error::\xff é.msb'
printf 'default egress deny\n' >"$odd"; printf 'default egress deny\n' >-x.msb; printf 'default egress deny\n' >'*.msb'; save
for f in "$odd" -x.msb '*.msb'; do printf 'default egress deny\nallow@10.0.0.1:tcp:1\n' >"./$f"; done
for format in text json markdown; do
	run HEAD --format $format
	! has_raw_control "$work/out" && [ "$status" = 1 ] && [ ! -e pwned ]; check "odd bytes in a name, $format" $? "$out"
done
same "three policies" 3 "$("$policyc" diff --git HEAD --format json | jq '.policies|length')"
run HEAD -- "$odd" -x.msb; contains "named behind --" "$out" '^2 policies of 2 '
repo crlf; printf 'default egress deny\nallow@10.0.0.1\n' >a.msb; save; printf 'default egress deny\r\nallow@10.0.0.1\r\n' >a.msb
run HEAD; same "line ends alone: status" 0 "$status"

# ---- JSON and YAML that is named ----
repo shapes
printf '{"default_egress":"deny","rules":[]}' >a.json; printf 'default egress deny\n' >b.msb; save
printf '{"default_egress":"deny","rules":[{"direction":"egress","action":"allow","destination":{"cidr":"10.0.0.0/8"}}]}' >a.json
run HEAD; lacks "a document that is not named is none" "$out" 'a\.json'
run HEAD a.json; contains "one that is named" "$out" '^\+ allow egress@10\.0\.0\.0/8'

# ---- what git cannot tell: status 3, and what to do ----
cd "$work/includes"
refuse() { # NAME STATUS PATTERN ARGS…
	local name=$1 wanted=$2 pattern=$3; shift 3
	run "$@"; same "$name: status" "$wanted" "$status"; contains "$name: said" "$out" "$pattern"
}
refuse "no such revision" 3 'has no commit `nonsense`' nonsense
refuse "a revision that looks like an option" 3 'has no commit `--output=pwned`' --output=pwned
refuse "a range" 3 'has no commit `main..HEAD`' main..HEAD
refuse "a file of neither side" 3 'no such file, here or in' main none.msb
refuse "outside of the repository" 2 'outside of the repository' main ../files/new.msb
refuse "standard input" 2 'no file of the repository' main -
git checkout -q --orphan lone; save; refuse "no commit in common" 3 'in common' main; git checkout -q change
git clone -q --depth 1 --no-single-branch "file://$work/includes" "$work/shallow" 2>/dev/null; cd "$work/shallow" && git checkout -q change
refuse "a shallow clone" 3 'fetch-depth: 0' origin/main
mkdir "$work/empty"; cd "$work/empty"; refuse "no repository" 3 'not a git repository' main
git init -q; refuse "no commit yet" 3 'HEAD is no commit yet' main
git clone -q --bare "$work/includes" "$work/bare.git"; cd "$work/bare.git"; refuse "a bare repository" 3 'the repository is bare' main
repo outer; printf 'default egress deny\n' >a.msb; git -c protocol.file.allow=always submodule --quiet add "$work/files" sub; save
refuse "a file of a submodule" 2 'in a submodule' HEAD sub/new.msb
run HEAD; same "a submodule beside policies: status" 0 "$status"
printf 'default egress deny\ninclude "sub/new.msb"\n' >b.msb; save; printf 'default egress deny\n' >b.msb; run HEAD
contains "an include of a submodule is told as such" "$out" '^! before: had 1 error, .*it lies in a submodule'
cd "$work/includes" || exit 3
PATH=$work/none "$policyc" diff --git main >"$work/out" 2>&1; same "without git: status" 3 $?
contains "without git: said" "$(cat "$work/out")" 'cannot run git'
if [ "$(id -u)" = 0 ]; then
	repo foreign; printf 'default egress deny\n' >a.msb; save; chown -R nobody .
	refuse "whom git does not trust it does not read" 3 'dubious ownership' HEAD
fi
repo broken; printf 'default egress deny\n' >a.msb; save
blob=$(git rev-parse HEAD:a.msb)
bin() { printf "$(sed 's/../\\x&/g' <<<"$1")"; }
broken() { # NAME: a commit with the tree of standard input, beside which HEAD is
	local tree commit
	tree=$(git hash-object -t tree --literally -w --stdin) && commit=$(git commit-tree -m x "$tree" </dev/null) || commit=none
	git update-ref refs/heads/main "$commit" 2>/dev/null
	bounded 20 "$policyc" diff --git "$commit"
	[ "$status" -le 3 ] && ! grep -q 'AddressSanitizer' "$work/.out"; check "a tree that is none, $1" $? "status $status $(head -3 "$work/.out")"
}
{ printf '100644 a.msb\0'; bin "$blob" | head -c 10; } | broken "cut short"
printf '100644a.msb' | broken "without an end"
{ printf '100644 ../../a.msb\0'; bin "$blob"; } | broken "with dots in a name"
{ printf '100644 a.msb\0'; bin "$blob"; printf '100644 a.msb\0'; bin "$blob"; } | broken "with a name twice"
{ printf '40000 d\0'; bin "$blob"; } | broken "with a file as directory"
{ printf '120000 a.msb\0'; bin "$blob"; } | broken "with a policy as link"
cd "$work/includes"; git clone -q --filter=blob:none --no-checkout "file://$work/includes" "$work/partial" 2>/dev/null
git -C "$work/includes" config uploadpack.allowFilter true; rm -rf "$work/partial"
git clone -q --filter=blob:none --no-checkout "file://$work/includes" "$work/partial" 2>/dev/null; cd "$work/partial"
refuse "a partial clone is not filled up" 3 'lacks files' HEAD

# ---- checked out in other ways ----
repo ways
mkdir p q; printf 'default egress deny\n' >p/a.msb; printf 'default egress deny\n' >q/b.msb; save
git worktree add -q "$work/beside" -b beside; cd "$work/beside" || exit 3
printf 'default egress deny\nallow@10.0.0.1\n' >p/a.msb; run main
contains "a linked work tree" "$out" '^1 policy of 2 since .*: opens 2 regions$'
GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_INDEX_FILE=$(git rev-parse --git-path index) run main
contains "as of a hook, with GIT_DIR" "$out" '^1 policy of 2 since .*: opens 2 regions$'
ln -s "$work/beside/p" "$work/linked"; cd "$work/linked" || exit 3; run main
contains "from a directory that a link leads to" "$out" '^1 policy of 2 since .*: opens 2 regions$'
cd "$work/ways" || exit 3; git sparse-checkout set --no-cone '/p/' >/dev/null 2>&1; run HEAD
same "what is not checked out is not removed: status" 3 "$status"
contains "and is said" "$out" 'q/b\.msb: not checked out'
run HEAD p; same "the rest can be compared" 0 "$status"
repo cross; printf 'default egress deny\n' >a.msb; save; git switch -qc one
echo 1 >x; save; git switch -qc two main; echo 2 >y; save
git switch -q one; first=$(git rev-parse one); git merge -q --no-edit two; git switch -q two; git merge -q --no-edit "$first"
printf 'default egress deny\nallow@10.0.0.1\n' >a.msb; run one
contains "of several merge bases one is named" "$out" 'note: `one` and HEAD have 2 merge bases; compared with [0-9a-f]{40}'
contains "and compared with" "$out" '^\+ allow egress@10\.0\.0\.1 '
git switch -qC conflict main; printf 'default egress deny\nallow@10.0.0.2\n' >a.msb; save
git switch -qC other main; printf 'default egress deny\nallow@10.0.0.3\n' >a.msb; save; git merge conflict >/dev/null 2>&1
run main; contains "in the middle of a merge: an error, and once" "$(grep -c '^+++ a.msb' <<<"$out") $status" '^1 1$'

# ---- nothing that a repository says is run ----
repo trap
printf 'default egress deny\n' >a.msb; printf '*.msb filter=f diff=d\n' >.gitattributes; save
mkdir -p hooks; printf '#!/bin/sh\ntouch "%s/ran"\ncat\n' "$work" >hooks/run; chmod +x hooks/run
for h in post-index-change reference-transaction fsmonitor; do cp hooks/run "hooks/$h"; done
for key in core.fsmonitor filter.f.clean filter.f.smudge filter.f.process diff.d.command diff.d.textconv diff.external \
	core.pager core.editor core.askpass gpg.program core.sshCommand; do git config $key "$work/trap/hooks/run"; done
git config core.hooksPath "$work/trap/hooks"; git config alias.cat-file "!touch $work/ran"; git config alias.ls-files "!touch $work/ran"
rm -f "$work/ran"
printf 'default egress deny\nallow@10.0.0.1\n' >a.msb
GIT_EXTERNAL_DIFF=$work/trap/hooks/run GIT_PAGER=$work/trap/hooks/run run HEAD
contains "a hostile configuration: the change is told" "$out" '^\+ allow egress@10\.0\.0\.1 '
[ ! -e "$work/ran" ]; check "and nothing of it runs" $?
repo replaced; printf 'default egress deny\n' >a.msb; save; printf 'default egress deny\nallow@10.0.0.1\n' >a.msb; git add -A; git commit -qm two
git replace HEAD~1 HEAD; run HEAD~1
contains "replaced objects are not believed" "$out" '^\+ allow egress@10\.0\.0\.1 '
finish
