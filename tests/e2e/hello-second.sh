#!/usr/bin/env bash
# A name is changed after it was judged: in the second hello that a HelloRetryRequest asks for, behind whatever a server passes over, or
# when a session is taken up again. Each works where names are not looked at; where they are, TLS is never asked for the other name.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world

# TITLE WAY PORT OUTCOME: with the name that is denied; PORT + 20 is the one for the name that is allowed
ways="hrr-second-name retry 9100 answered
hrr-second-name,change_cipher_spec retry-ccs 9101 answered
hrr-second-name,at-once retry-at-once 9102 answered
hrr-after-early-data retry-early 9103 answered
resumption-other-name,TLS-1.3 resumed 9200 answered
resumption-other-name,TLS-1.2 resumed-12 9201 answered"
each() { # FUNCTION: with the four words of a line
	local title way port rest
	while read -r title way port rest; do "$1" "$title" "$way" "$port" "$rest"; done <<<"$ways"
}
evil() { echo "$2:$EVIL:$3"; }
good() { echo "$2:$GOOD:$(($3 + 20))"; }

read_evil() { if grep -aqs $EVIL "$READ/$1.read"; then echo 1; else echo 0; fi; }

changes() {
	contains "$1, names not looked at: answered" "$(said "$2" $EVIL "$3")" "^$4"
	same "$1, names not looked at: the server has read it" "1 1" "$(read_evil "$3") $(read_evil $(($3 + 50)))"
	[[ $1 == hrr-* ]] || return 0 # what is taken up again may be not asked for its name
	same "$1, names not looked at: TLS was asked for both" "$EVIL,$GOOD $EVIL,$GOOD" "$(served "$3") $(served $(($3 + 50)))"
}
# shellcheck disable=SC2046 # a word a task
plain $(each evil)
each changes

refused() {
	same "$1: reset" reset "$(said "$2" $EVIL "$3")"
	same "$1: TLS was asked for one name, IPv4" $GOOD "$(served "$3")"
	same "$1: TLS was asked for one name, IPv6" $GOOD "$(served $(($3 + 50)))"
	same "$1: the server has read no other" "0 0" "$(read_evil "$3") $(read_evil $(($3 + 50)))"
}
honest() {
	contains "$1, the same name: answered" "$(said "$2" $GOOD $(($3 + 20)))" "^$4"
	same "$1, the same name: asked for it" "$GOOD $GOOD" "$(served $(($3 + 20))) $(served $(($3 + 70)))"
}
# shellcheck disable=SC2046
enforced $(each evil) $(each good) whole:$GOOD:9140 whole:$GOOD:9240 whole:$EVIL:9241
each refused
each honest
same "a whole handshake with a second hello, and what follows" "answered questionquestion" \
	"$(said whole $GOOD 9140) $(cat "$READ"/9140.app "$READ"/9190.app)"
same "a whole handshake with one" "answered questionquestion" "$(said whole $GOOD 9240) $(cat "$READ"/9240.app "$READ"/9290.app)"
same "a whole handshake with another name: nothing arrives" "reset 0 0" "$(said whole $EVIL 9241) $(bytes_read 9241) $(bytes_read 9291)"
finish
