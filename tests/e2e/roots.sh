#!/usr/bin/env bash
# The README's root with Python and git: its commands, as they stand there, make one from Debian's packages, and the guest
# that has it runs Python and git under a policy. What was made stays in BUILD for the next time, as long as the commands do.
# shellcheck disable=SC2016,SC2154 # scripts for the guest; $out, $err, $status are lib.sh's
# long
section='## A root with Python and git'
tree=$(cd "$(dirname "$0")/../.." && pwd)

# The commands of the section: in README.md, or where that points to
commands() {
	local file=$tree/README.md
	grep -qxF "$section" "$file" || file=$tree/docs/roots.md
	awk -v section="$section" '$0 == section { on = 1; next } /^## / { on = 0 } on && sub(/^    (sudo )?/, "")' "$file"
}
making=$(commands | grep '^mmdebstrap ')
running=$(commands | grep '^msb-run ')
root=$(realpath "${1:?usage: $0 BUILD}")/roots/$(cksum <<<"$making" | cut -d' ' -f1)

# Before the namespaces that lib.sh makes, which have no way to Debian's archive
if [ -z "${MSB_TEST_WORLD-}" ] && [ "$(id -u)" = 0 ] && [ ! -d "$root" ]; then
	rm -rf "$(dirname "$root")" && mkdir -p "$root.making"
	# what it mounts meanwhile no other test sees, not even by another name once the directory is renamed
	(cd "$root.making" && unshare --mount --propagation private bash -c "$making") >"$root.log" 2>&1 && mv "$root.making" "$root"
fi
. "$(dirname "$0")/lib.sh"
world_up

if [ ! -d "$root" ] && grep -qE 'Could not (resolve|connect)|Temporary failure|Unable to connect|Failed to fetch' "$root.log"; then
	skip "a root by the README's commands" "Debian's archive cannot be reached"
	finish
fi
try "the README's command makes a root" test -d "$root"
[ -d "$root" ] || tail -n 20 "$root.log" >&2
mkdir "$WORK/project"
cd "$WORK/project" || exit 3
ln -s "$tree/policies" policies
cat >agent.py <<-'EOF'
	import http.client, socket, subprocess
	def fetch(host, port):
	    try:
	        connection = http.client.HTTPConnection(host, port, timeout=20)
	        connection.request("GET", "/")
	        return connection.getresponse().read().decode().strip()
	    except OSError as error:
	        return type(error).__name__
	print("allowed:", fetch("pypi.org", 443))
	print("not allowed:", fetch("example.com", 80))
	print("localhost:", socket.gethostbyname("localhost"))
	subprocess.run("git init -q repository && cd repository && cp ../agent.py . && git add . &&"
	               "git -c user.name=a -c user.email=a@b commit -qm first && git log --oneline", shell=True, check=True)
EOF
eval "set -- $running"
shift
ln -s "$root/pyroot" pyroot
timeout 120 "$BUILD/msb-run" --quiet "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
same "the README's command runs in it" 0 $?
out=$(cat "$WORK/out")
contains "Python reaches what the policy allows" "$out" '^allowed: hello from the Internet$'
contains "and nothing else" "$out" '^not allowed: (gaierror|ConnectionRefusedError)$'
contains "localhost resolves" "$out" '^localhost: 127\.0\.0\.1$'
contains "git commits to the directory that is shared" "$out" '^[0-9a-f]{7} first$'
try "which is there on the host" test -f repository/.git/HEAD
[ "$failures" -eq 0 ] || cat "$WORK/err" >&2
finish
