#!/usr/bin/env bash
# What images.sh has built, in containers: msb-policyc checks policies; msb-run boots a microVM by the command that docs/containers.md
# has, and what the policy denies is denied and told; with a capability, call or device less nothing starts, and it is named.
#
#	container 192.168.7.2 ── the test, a router ── Internet
. "$(dirname "$0")/../../e2e/lib.sh"
TAP_PREFIX="images: "
DOCUMENT=$TESTS/../docs/containers.md
HOST_CGROUPS=1
world_up
lan_up
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1

# container OPTION… IMAGE ARG…: in lan's network, at most 100 s; leaves $out, $err and $status
container() {
	timeout -k 5 100 bash -c 'images_podman "$@"' podman run --rm --network ns:/run/netns/lan --ulimit nofile=1024:1024 \
		--ulimit nproc=1024:1024 "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(tr -d '\0' <"$WORK/out") err=$(tr -d '\0' <"$WORK/err")
}

# The options of `podman run` in the document, and the capabilities that it explains
options=$(sed -n '/^ *podman run /,/^ *msb-run /p' "$DOCUMENT" | sed '$d; s/ *podman run --rm//; s/\\//')
capabilities=$(sed -n '/^| capability /,/^$/p' "$DOCUMENT" | sed 1,2d | cut -d'|' -f2 | grep -oE '[A-Z_]+')
same "docker's command is the same, and two filters less" "$(xargs <<<"$options") --security-opt seccomp=unconfined --security-opt apparmor=unconfined" \
	"$(sed -n '/^ *docker run /,/^ *msb-run /p' "$DOCUMENT" | sed '$d; s/ *docker run --rm//; s/\\//' | xargs)"
same "each capability of the command is explained" "$(grep -oE '[A-Z_]{4,}' <<<"$options")" "$capabilities"

# documented WORDS…: the document's command with WORDS instead of its image and arguments; without the option in $less
less=nothing
documented() {
	# shellcheck disable=SC2046 # a word each
	container $(sed "s|$less\\>||" <<<"$options") "$@"
}

# --- msb-policyc ---
mkdir -p "$WORK/work"
cp "$TESTS/../policies/python-agent.msb" "$WORK/work/agent.msb"
echo 'allow@public:tcp:443:443' >"$WORK/work/wrong.msb"
container --cap-drop all --read-only -v "$WORK/work:/work:ro" msb-policyc check agent.msb
same "msb-policyc checks a policy that is mounted" 0 "$status"
container --cap-drop all --read-only -v "$WORK/work:/work:ro" msb-policyc check wrong.msb
contains "and says what is wrong in one" "$status $out" '^1 wrong.msb:1:[0-9]+: error: '

# --- msb-run, with what the document says ---
printf 'default egress deny\nallow@example.com:tcp:80\n' >"$WORK/work/web.msb"
policy=(-v "$WORK/work/web.msb:/web.msb:ro")
command='uname -s; wget -qO- http://example.com; wget -qO- http://example.org; nc -w 3 93.184.216.51 80 </dev/null'
documented "${policy[@]}" msb-run --policy /web.msb -- sh -c "$command"
contains "msb-run boots a microVM" "$out" '^Linux$'
contains "what the policy allows passes" "$out" '^hello from the Internet$'
contains "a name that it denies is told" "$err" '^msb-run: denied dns@example.org:udp '
contains "and an address" "$err" '^msb-run: denied egress@93.184.216.51:tcp:80 '
same "to which nothing has gone" "0 0" "$(seen 93.184.216.40) $(seen 93.184.216.51)"

# --- with less ---
for capability in $capabilities; do
	less="--cap-add $capability"
	documented msb-run -- uname -s
	contains "without $capability: nothing starts, and it is named" "$status $out$err" "^125 msb-run: error: needs CAP_$capability, to "
	same "and nothing else" 1 "$(grep -c 'error:' <<<"$err")"
done
less="--device /dev/net/tun"
documented msb-run -- uname -s
contains "without the device: it is named" "$status $out$err" '^125 msb-run: error: needs /dev/net/tun, to '
less=nothing
jq 'del(.syscalls[].names[] | select(. == "pivot_root"))' /usr/share/containers/seccomp.json >"$WORK/docker.json"
documented --security-opt "seccomp=$WORK/docker.json" msb-run -- uname -s
contains "with Docker's filter: the call is named, and what to do" "$status $out${err//$'\n'/}" \
	'^125 msb-run: error: needs pivot_root\(2\), to .* help: .*seccomp=unconfined'

# --- more, and for longer ---
documented --cap-add SYS_CHROOT --cap-add SETFCAP --read-only -v "$WORK/work:/work" msb-run -v /work:/mnt -- ls /mnt/web.msb
same "with its capabilities, -v; in an image that cannot be written" "0 /mnt/web.msb" "$status $out"
documented --detach --name box "${policy[@]}" msb-run --name box --policy /web.msb -- sh -c 'echo up; sleep 1000'
wait_for "$(patience 30)" bash -c 'images_podman logs box 2>&1 | grep -qx up'
contains "msb-ctl sees it" "$(images_podman exec box msb-ctl ps 2>&1)" '^box +.* /web.msb '
start=$SECONDS
images_podman stop -t 60 box >/dev/null
check "it is ended in order" $((SECONDS - start > 30)) "after $((SECONDS - start)) s"
same "no link is left" "eth0 lo" "$(ip netns exec lan ip -br link | sed 's/[@ ].*//' | sort | paste -sd' ')"
same "and no table" "" "$(ip netns exec lan nft list tables)"
finish
