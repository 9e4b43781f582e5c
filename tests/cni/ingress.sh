#!/usr/bin/env bash
# Who may connect to a pod: the node, whose probes and Services arrive as its own; another pod and strangers by a rule only.
. "$(dirname "$0")/lib.sh"
node_up
# fixed NETWORK NAME N: the network again, by another name, whose only pod is 10.88.N.N and fd88::NN
fixed() {
	jq --arg name "$2" --arg address4 "10.88.$3.$3" --arg address6 "fd88::$3$3" '.name = $name | .plugins[0].ipam.ranges = [
		[{ subnet: "10.88.0.0/16", rangeStart: $address4, rangeEnd: $address4 }],
		[{ subnet: "fd88::/64", rangeStart: $address6, rangeEnd: $address6 }]]' "$NETWORKS/$1.conflist" >"$NETWORKS/$2.conflist"
}
# server: who comes from the pod "friend" (10.88.0.7), and from the Internet by the host's port
network server bridge '{ "rules": ["allow:ingress@10.88.7.7:tcp:7", "allow:ingress@203.0.113.1:tcp:7", "allow@203.0.113.2:tcp:8007"] }'
network open bridge '{ "rules": ["allow@10.88.0.0/16:tcp", "allow@[fd88::/64]:tcp"] }'
fixed open friend 7
fixed open client 8
ports='{ "runtimeConfig": { "portMappings": [{ "hostPort": 8007, "containerPort": 7, "protocol": "tcp" }] } }'
add server server "$ports"; check "a pod with a host port" $?
add friend friend; check "a pod that the rule names" $?
add client client; check "another pod" $?
in_pod server "$BUILD/e2e/echo" &
server=$!
wait_for 5 in_pod server "$PROBE" tcp 127.0.0.1 7 200
address4=$(address server server 4) address6=$(address server server 6)

reaches() { same "$1" "$2" "$("${@:3}" 2000 | cut -d' ' -f1)"; }
reaches "the node connects in" connected "$PROBE" tcp "$address4" 7
reaches "and by IPv6" connected "$PROBE" tcp "$address6" 7
reaches "a pod that a rule lets in" connected in_pod friend "$PROBE" tcp "$address4" 7
lacks "not to another port" "$(in_pod friend "$PROBE" tcp "$address4" 9 2000)" '^connected'
lacks "another pod" "$(in_pod client "$PROBE" tcp "$address4" 7 2000)" '^connected'
lacks "another pod, by IPv6" "$(in_pod client "$PROBE" tcp "$address6" 7 2000)" '^connected'
reaches "the host's port, from the Internet" connected on_internet "$PROBE" tcp "$HOST4" 8007
lacks "a stranger who routes to the pod" "$(on_internet "$PROBE" tcp "$address4" 9 2000)" '^connected'
reaches "hairpin: the pod by the host's port, to itself" connected in_pod server "$PROBE" tcp "$HOST4" 8007

network shut bridge '{ "rules": ["deny:ingress@host"] }'
fixed shut closed 9
add closed closed; check "a pod that is closed to the node" $?
in_pod closed "$BUILD/e2e/echo" &
closed=$!
lacks "deny:ingress@host keeps the node out" "$("$PROBE" tcp "$(address closed closed 4)" 7 2000)" '^connected'
kill $server $closed
for pod in server friend client closed; do try "DEL of $pod" del $pod $pod; done
finish
