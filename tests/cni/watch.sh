#!/usr/bin/env bash
# A policy's file that changes reaches podman's containers while they run: replaced, changed by the link of a mounted ConfigMap, and broken, which
# leaves the policy before in force and is an event.
. "$(dirname "$0")/lib.sh"
node_up
podman_up
leftovers_mark

# policy FILE ADDRESS…: what it allows
policy() {
	printf 'default any deny\n' >"$1"
	printf 'allow@%s:tcp:80\n' "${@:2}" >>"$1"
}
# becomes NAME ADDRESS: the pod gets there by now
becomes() {
	wait_for "$(patience 15)" reaches "$2"
	fares "$1" connected tcp "$2" 80
}
reaches() { inside "probe tcp $1 80 1000" | grep -q '^connected'; }
# watched NETWORK POLICIES: a pod with the policy `web` of that directory
watched() {
	network "$1" ptp "{ \"policy\": \"web\", \"policies\": \"$2\", \"watch\": true, \"events\": \"$WORK/$1.events\" }"
	podman_run "pod-$1" "$1" >/dev/null
	check "$1: a pod starts" $?
	exec_in=(podman exec "pod-$1")
}

policy /etc/msb/policies/web.msb 93.184.216.50
watched replaced /etc/msb/policies
fares "what its policy allows" connected tcp 93.184.216.50 80
fares "what it does not" refused tcp 93.184.216.51 80
policy /etc/msb/policies/.new 93.184.216.51
mv /etc/msb/policies/.new /etc/msb/policies/web.msb
becomes "a file that is replaced" 93.184.216.51
fares "what only the one before allowed" refused tcp 93.184.216.50 80
echo 'allow@no such rule' >>/etc/msb/policies/web.msb
wait_for "$(patience 15)" grep -q reload-failed "$WORK/replaced.events"
contains "a file with errors is an event, with its place" "$(jq -r 'select(.kind == "reload-failed") | .because' "$WORK/replaced.events")" \
	'^/etc/msb/policies/web\.msb:3:'
fares "and the policy before is in force" connected tcp 93.184.216.51 80
fares "with what it denies" refused tcp 93.184.216.50 80
rm /etc/msb/policies/web.msb
wait_for "$(patience 15)" sh -c "[ \"\$(grep -c reload-failed '$WORK/replaced.events')\" = 2 ]"
fares "so it is where the file is gone" connected tcp 93.184.216.51 80
policy /etc/msb/policies/web.msb 93.184.216.52
becomes "a file that is back" 93.184.216.52
try "it is removed" podman rm -f -t 0 pod-replaced

mkdir -p /etc/msb/mounted/..one /etc/msb/mounted/..two
policy /etc/msb/mounted/..one/web.msb 93.184.216.50
policy /etc/msb/mounted/..two/web.msb 93.184.216.51
ln -s ..one /etc/msb/mounted/..data
watched mounted /etc/msb/mounted/..data
fares "by a link, what its policy allows" connected tcp 93.184.216.50 80
ln -s ..two /etc/msb/mounted/..new
mv -T /etc/msb/mounted/..new /etc/msb/mounted/..data
becomes "a link that is led elsewhere" 93.184.216.51
fares "and what only the one before allowed" refused tcp 93.184.216.50 80
try "it is removed, too" podman rm -f -t 0 pod-mounted
nothing_left "nothing is left"
finish
