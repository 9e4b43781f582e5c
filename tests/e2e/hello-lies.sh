#!/usr/bin/env bash
# A worker that was taken over says another name than the one that was sent: it harms the flow that it was given, to an address that is
# bound to the name it says, and nothing else. One that asks twice for a flow, to have it judged again, closes the sandbox.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world
LIED4=93.184.216.34 LIED6=2606:2800:220:1::34 # example.com, which the worker says when it lies

# lied NAME ADDRESS PORT…: a sandbox whose worker lies of the name "lie"
lied() {
	rm -f "$READ"/*
	timeout 60 "$BUILD/e2e/msb-run-misbehave" --vmm none --net-default deny --net-rule "allow@dns,allow@example.com:tcp,allow@$GOOD:tcp" -- bash -c \
		"$bind_names for type in A AAAA; do dig +short example.com \$type; done >/dev/null; exec python3 $CLIENT $*" \
		>"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(cat "$WORK/out") err=$(cat "$WORK/err")
	wait_for 10 connections_ended
}
lied plain lie $LIED4 9000 plain lie $LIED6 9050 plain $EVIL $LIED4 9001 plain $EVIL $LIED6 9051 plain lie $GOOD4 9002 plain lie $GOOD6 9052 \
	plain lie 93.184.216.99 9003 plain lie 2606:2800:220:1::99 9053 plain $GOOD $GOOD4 9004 plain $GOOD $GOOD6 9054
same "worker-lies: the flow it was given goes on" answered "$(said plain lie 9000)"
stopped "worker-lies: of other flows the supervisor judges what is said" plain:$EVIL:9001
stopped "worker-lies: a name that the address is not bound to" plain:lie:9002
stopped "worker-lies: an address that no name is bound to" plain:lie:9003 refused
arrives "worker-lies: honest flows go on" plain:$GOOD:9004
same "worker-lies: the sandbox, too" 0 "$status"
lied plain twice $GOOD4 9000
same "worker-lies: asks twice: the sandbox closes" 125 "$status"
same "worker-lies: asks twice: the server has read nothing" 0 "$(bytes_read 9000)"
finish
