#!/usr/bin/env bash
# --learn on the work of package managers: a policy of a handful of rules, by name, that check and fmt are silent about; under
# it the same work passes and nothing is denied.
. "$(dirname "$0")/lib.sh"
SITES4="151.101.0.223, 151.101.64.223, 146.75.116.223, 104.16.0.35, 140.82.121.4"

world_up
ipv6_up
policyc=$BUILD/msb-policyc

# --- servers: pypi.org, files.pythonhosted.org, registry.npmjs.org, github.com by HTTPS, deb.debian.org by HTTP -----------

mkdir -p "$WORK/tls" "$WORK/www/simple/tiny" "$WORK/www/tiny/-" "$WORK/www/debian" "$WORK/tree/tiny-1.0.dist-info" "$WORK/tree/package"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj '/CN=test' -keyout "$WORK/tls/key" -out "$WORK/tls/crt" \
	-addext 'subjectAltName=DNS:pypi.org,DNS:files.pythonhosted.org,DNS:registry.npmjs.org,DNS:github.com' 2>/dev/null
cd "$WORK/tree" || exit 1
echo 'answer = 42' >tiny.py
printf 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n' >tiny-1.0.dist-info/METADATA
printf 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n' >tiny-1.0.dist-info/WHEEL
printf 'tiny.py,,\ntiny-1.0.dist-info/METADATA,,\ntiny-1.0.dist-info/WHEEL,,\ntiny-1.0.dist-info/RECORD,,\n' >tiny-1.0.dist-info/RECORD
python3 -m zipfile -c "$WORK/www/tiny-1.0-py3-none-any.whl" tiny.py tiny-1.0.dist-info
echo '<a href="https://files.pythonhosted.org/tiny-1.0-py3-none-any.whl">tiny-1.0-py3-none-any.whl</a>' >"$WORK/www/simple/tiny/index.html"
echo '{"name":"tiny","version":"1.0.0"}' >package/package.json
tar czf "$WORK/www/tiny/-/tiny-1.0.0.tgz" package
cat >"$WORK/www/tiny/index.html" <<-EOF
	{"name":"tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","dist":
	{"shasum":"$(sha1sum "$WORK/www/tiny/-/tiny-1.0.0.tgz" | cut -d' ' -f1)","tarball":"https://registry.npmjs.org/tiny/-/tiny-1.0.0.tgz"}}}}
EOF
git init -q source
cp tiny.py source
git -C source add -A
git -C source -c user.name=a -c user.email=a@example.com commit -qm one
git clone -q --bare source "$WORK/www/repository.git"
git -C "$WORK/www/repository.git" update-server-info
mkdir -p deb/DEBIAN
printf 'Package: tiny\nVersion: 1\nArchitecture: all\nMaintainer: a <a@example.com>\nDescription: a test\n' >deb/DEBIAN/control
dpkg-deb -b deb "$WORK/www/debian/tiny.deb" >/dev/null
{
	cat deb/DEBIAN/control
	printf 'Filename: ./tiny.deb\nSize: %s\nSHA256: %s\n' "$(stat -c %s "$WORK/www/debian/tiny.deb")" \
		"$(sha256sum "$WORK/www/debian/tiny.deb" | cut -d' ' -f1)"
} >"$WORK/www/debian/Packages"
cat >"$WORK/https.py" <<-EOF
	import functools, http.server, ssl
	handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="$WORK/www")
	server = http.server.ThreadingHTTPServer(("", 10443), handler)
	context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
	context.load_cert_chain("$WORK/tls/crt", "$WORK/tls/key")
	server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
	server.serve_forever()
EOF
on_internet nft -f - <<-EOF
	table ip sites {
		chain answers {
			type nat hook prerouting priority -110;
			iifname "wan0" ip daddr { $SITES4 } tcp dport 443 redirect to :10443
		}
	}
EOF
on_internet python3 "$WORK/https.py" >"$WORK/https.out" 2>&1 &
wait_for 10 on_internet "$PROBE" tcp 127.0.0.1 10443 500

# --- the work, each in a directory of its own -----------------------------------------------------------------------

cat >"$WORK/work" <<-'END'
	set -e
	unset REQUESTS_CA_BUNDLE CURL_CA_BUNDLE SSL_CERT_FILE # of the machine's own, which pip heeds more than --cert
	export HOME=$2/home PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1
	mkdir -p "$HOME" && cd "$2"
	case $1 in
	pip) python3 -m pip download -q --no-deps --no-cache-dir --cert "$WORK/tls/crt" --index-url https://pypi.org/simple -d out tiny
		test -s out/tiny-1.0-py3-none-any.whl ;;
	npm) echo '{"name":"x","version":"1.0.0"}' >package.json
		npm --cafile="$WORK/tls/crt" --registry=https://registry.npmjs.org --no-audit --no-fund --no-update-notifier --loglevel=error install tiny
		test -s node_modules/tiny/package.json ;;
	git) GIT_SSL_CAINFO=$WORK/tls/crt GIT_TERMINAL_PROMPT=0 git clone -q https://github.com/repository.git clone
		test -s clone/tiny.py ;;
	apt) mkdir -p lists/partial cache/archives/partial empty
		echo "deb [trusted=yes] http://deb.debian.org/debian ./" >sources.list
		: >status
		apt_get() { apt-get -o Dir::State="$PWD" -o Dir::State::status="$PWD/status" -o Dir::State::Lists="$PWD/lists" \
			-o Dir::Cache="$PWD/cache" -o Dir::Etc::SourceList="$PWD/sources.list" -o Dir::Etc::SourceParts="$PWD/empty" \
			-o Dir::Etc::Parts="$PWD/empty" -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none -qq "$@"; }
		apt_get update
		apt_get -y --download-only install tiny
		test -s cache/archives/tiny_1_all.deb ;;
	esac
	echo "$1 is done"
END
export WORK

# learns WORK RULE…: the work under --learn, what it wrote, and the work again under that
learns() {
	local work=$1 file=$WORK/$1.msb
	shift
	mkdir -p "$WORK/$work.first" "$WORK/$work.second"
	run_sandbox --name learner --learn "$file" -- sh "$WORK/work" "$work" "$WORK/$work.first"
	contains "$work: works while it is learnt" "$out" "^$work is done"
	same "$work: the status is the command's" 0 "$status"
	contains "$work: the bound is said" "$err" 'learning, within the default policy \(public addresses and DNS\)'
	contains "$work: and what was learnt" "$err" "learner: learnt $# rules?, for $file"
	same "$work: these rules, by name" "$(printf '%s\n' "$@")" "$(grep '^allow' "$file" | sed 's/ .*//')"
	contains "$work: check finds nothing in it" "$("$policyc" check "$file" 2>&1)" ': no findings'
	same "$work: it is laid out" "" "$("$policyc" fmt --check "$file" 2>&1)"
	"$policyc" test "$file" >"$WORK/test.out" 2>&1
	same "$work: its expectations hold" "0 yes" "$? $(grep -q '^expect allow' "$file" && echo yes)"
	: >"$WORK/$work.events"
	run_sandbox --policy "$file" --events "$WORK/$work.events" -- sh "$WORK/work" "$work" "$WORK/$work.second"
	contains "$work: works under it" "$out" "^$work is done"
	same "$work: and nothing is denied" "" "$(jq -r 'select(.verdict == "deny") | .flow' "$WORK/$work.events")$(grep denied <<<"$err")"
}

if python3 -m pip --version >/dev/null 2>&1; then
	learns pip 'allow@{files.pythonhosted.org,pypi.org}:tcp:443'
else
	skip pip "no pip"
fi
if npm --version >/dev/null 2>&1; then
	learns npm 'allow@registry.npmjs.org:tcp:443'
else
	skip npm "no npm"
fi
learns git 'allow@github.com:tcp:443'
learns apt 'allow@deb.debian.org:tcp:80' 'allow@_http._tcp.deb.debian.org:udp:53'

# --- who never answers: of what is forwarded, and of what a relay takes over and is answered by that ----------------------

on_internet nft insert rule inet seen prerouting ip daddr { 198.51.100.77, 198.51.100.78 } drop
run_sandbox --name learner --learn "$WORK/silent.msb" -- sh -c "
	$PROBE dns example.org 172.16.0.1; $PROBE tcp 93.184.216.35 22 2000; $PROBE tcp 93.184.216.35 81 2000; $PROBE udp 93.184.216.35 123 2000
	$PROBE tcp 198.51.100.77 25 700; $PROBE tcp 198.51.100.77 443 700; $PROBE udp 198.51.100.78 123 700"
same "who never answers has rules as others have" "4 3" "$(grep -c '^allow' "$WORK/silent.msb") $(grep -c '^#   egress@198' "$WORK/silent.msb")"
same "and is told apart, a refusal being an answer" "198.51.100.77:tcp:25 198.51.100.77:tcp:443 198.51.100.78:udp:123" \
	"$(sed -n '/^# Nobody answered/,/^$/s/^#   egress@//p' "$WORK/silent.msb" | sort | tr '\n' ' ' | sed 's/ $//')"
contains "check finds nothing in it" "$("$policyc" check "$WORK/silent.msb" 2>&1)" ': no findings'
lacks "where all answer nothing is said" "$(cat "$WORK"/git.msb "$WORK"/apt.msb)" 'Nobody answered'

# --- names that share an address, addresses without a name, other protocols, what is denied -----------------------------

run_sandbox --name learner --learn "$WORK/mixed.msb" --propose-wildcards -- sh -c "
	$PROBE dns a.example.com 172.16.0.1; $PROBE dns example.org 172.16.0.1
	$PROBE tcp 93.184.216.35 22 2000; $PROBE udp 93.184.216.40 123 2000; $PROBE tcp 198.51.100.8 7 2000; $PROBE tcp 198.51.100.9 7 2000
	$PROBE tcp 10.0.0.5 443 2000; $PROBE tcp 169.254.169.254 80 2000"
same "names, ports, protocols, neighbours" "allow@a.example.com:tcp:22 allow@example.org:udp:123 allow@198.51.100.8/31:tcp:7" \
	"$(grep ^allow "$WORK/mixed.msb" | sed 's/ .*//' | tr '\n' ' ' | sed 's/ $//')"
contains "what was denied is a comment" "$(cat "$WORK/mixed.msb")" '^#   egress@10.0.0.5:tcp:443$'
contains "metadata too" "$(cat "$WORK/mixed.msb")" '^#   egress@169.254.169.254:tcp:80$'
contains "a denial is said as ever" "$err" 'denied egress@169.254.169.254:tcp:80 +default'
contains "check finds nothing in it" "$("$policyc" check "$WORK/mixed.msb" 2>&1)" ': no findings'

# Another bound, with rules of its own: an event names them as the file does
printf 'default egress deny\nallow@example.org:tcp:22\nallow@192.168.7.0/24\ndeny@any:tcp:81 because "closed"\n' >"$WORK/bound.msb"
run_sandbox --name learner --policy "$WORK/bound.msb" --learn "$WORK/bounded.msb" --events "$WORK/bound.events" -- sh -c "
	$PROBE dns example.org 172.16.0.1; $PROBE tcp 93.184.216.40 22 2000; $PROBE tcp 93.184.216.40 81 2000; $PROBE tcp 93.184.216.99 22 2000"
contains "a bound of one's own is said" "$err" 'learning, within .*bound.msb:'
same "nothing beyond it is learnt" "allow@example.org:tcp:22" "$(grep ^allow "$WORK/bounded.msb" | sed 's/ .*//' | tr '\n' ' ' | sed 's/ $//')"
same "the rule's number is the file's" "3 default" "$(jq -r 'select(.kind == "deny") | .rule' "$WORK/bound.events" | tr '\n' ' ' | sed 's/ $//')"
same "what is let pass is no event of a rule without log" "" "$(jq -r 'select(.kind == "allow") | .flow' "$WORK/bound.events")"

# --- the file ----------------------------------------------------------------------------------------------------------

run_sandbox --learn "$WORK/mixed.msb" -- true
same "a file that is there is not replaced" 125 "$status"
contains "and that is said before anything runs" "$err" 'mixed.msb: is there already'
ln -s "$WORK/elsewhere" "$WORK/link.msb"
run_sandbox --learn "$WORK/link.msb" -- true
same "nor is a link followed" "125 no" "$status $([ -e "$WORK/elsewhere" ] && echo yes || echo no)"
run_sandbox --learn "$WORK/nowhere/x.msb" -- true
same "no directory" 125 "$status"
mkdir -m 755 "$WORK/user"
chown 1234:1234 "$WORK/user"
run_sandbox --learn "$WORK/user/x.msb" -- "$PROBE" tcp 93.184.216.99 7 2000
same "a directory of a user's" "0 644" "$status $(stat -c %a "$WORK/user/x.msb")"
same "nothing else is left there" x.msb "$(ls -A "$WORK/user")"
mkdir "$WORK/small"
mount -t tmpfs -o size=4k none "$WORK/small"
head -c 4096 /dev/zero >"$WORK/small/full"
run_sandbox --name full --learn "$WORK/small/x.msb" -- "$PROBE" tcp 93.184.216.99 7 2000
contains "a full disk: what was to be learnt took place" "$out" '^connected '
same "a full disk: the status" 125 "$status"
contains "that it is not written is said" "$err" '^msb-run: error: --learn .*x\.msb: not written: No space left on device$'
contains "and not that it is" "$err" '^msb-run: full: learnt 1 rule, for .*x\.msb$'
same "and nothing of it is left there" full "$(ls -A "$WORK/small")"
umount "$WORK/small"
run_sandbox --propose-wildcards -- true
same "--propose-wildcards alone is an error" 125 "$status"

# A command that ends as soon as it has connected: the relay of server names has not taken its flow in by then
learnt=0
for run in {1..20}; do
	run_sandbox --learn "$WORK/quick.$run" -- "$PROBE" tcp 93.184.216.99 7 2000
	learnt=$((learnt + $(grep -c '^allow@93\.184\.216\.99:tcp:7 ' "$WORK/quick.$run")))
done
same "the last flow of a run is learnt" 20 "$learnt"

# What is asked of one that learns is about its bound, by the bound's numbers
printf 'default egress allow\nallow@93.184.216.99:tcp\ndeny@meta\n' >"$WORK/bound.msb"
start_sandbox bound --policy "$WORK/bound.msb" --learn "$WORK/bound.learnt" -- \
	python3 -c 'import socket, time
held = [socket.create_connection((a, 7)) for a in ("93.184.216.99", "93.184.216.98")]
print("there", flush=True)
time.sleep(60)'
wait_for "$(patience 20)" grep -q there "$WORK/bound.out"
status=$("$BUILD/msb-ctl" status bound --format json)
same "status: the bound's rules" "1 allow@93.184.216.99:tcp 2 deny@meta" "$(jq -r '.rules[] | "\(.number) \(.text)"' <<<"$status" | xargs)"
same "and its default, which decides what is left" "default egress allow true" \
	"$(jq -r '.defaults[0] | "\(.text) \(.connections > 0)"' <<<"$status")"
same "flows by the same numbers" "93.184.216.98:tcp:7 null, 93.184.216.99:tcp:7 1" \
	"$(jq -r '[.flows[] | "\(.flow | ltrimstr("egress@")) \(.rule)"] | sort | join(", ")' <<<"$status")"
same "as explain has" "1 default" \
	"$("$BUILD/msb-ctl" explain bound egress@93.184.216.99:tcp:7 egress@93.184.216.98:tcp:7 --format json | jq -r '.[].rule' | xargs)"
kill "$sandbox_pid"
wait "$sandbox_pid"

printf 'default egress deny\nallow@93.184.216.99:tcp bytes 1K\n' >"$WORK/bound.msb"
run_sandbox --policy "$WORK/bound.msb" --learn "$WORK/bytes.learnt" --events "$WORK/bound.events" -- sh -c 'head -c 9000 /dev/zero | busybox nc -w 2 93.184.216.99 9'
same "and a limit of bytes that is used up" "1 bound.msb:2" "$(jq -r 'select(.kind == "quota") | "\(.rule) \(.place)"' "$WORK/bound.events" | sed 's|[^ ]*/||' | sort -u)"

# A signal ends the command, not what was learnt from it; a sandbox that is killed writes nothing
start_sandbox ended --learn "$WORK/ended.msb" -- sh -c "$PROBE tcp 93.184.216.99 7 2000; echo there; exec sleep 60"
wait_for "$(patience 20)" grep -q there "$WORK/ended.out"
kill "$sandbox_pid"
wait "$sandbox_pid"
same "ended by a signal: its status" 143 $?
contains "and its policy" "$(cat "$WORK/ended.msb")" '^allow@93.184.216.99:tcp:7 '
start_sandbox killed --learn "$WORK/user/killed.msb" -- sh -c "$PROBE tcp 93.184.216.99 7 2000; echo there; exec sleep 60"
wait_for "$(patience 20)" grep -q there "$WORK/killed.out"
kill -KILL "$(pgrep -P "$sandbox_pid" -x msb-supervisor)"
wait "$sandbox_pid"
contains "a supervisor that is killed: said" "$(cat "$WORK/killed.err")" 'nothing is written: the run did not get to its end'
same "and no part of a file" x.msb "$(ls -A "$WORK/user")"
finish
