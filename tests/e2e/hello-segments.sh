#!/usr/bin/env bash
# Segments by which the server reads another name than whoever looks on: decoys that are lost on the way, pieces that overlap, urgent
# bytes, a hello in the SYN. And segments of a connection that was refused. Where names are not looked at, the server is asked for the
# other name, or reads what was forged.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/hello-lib.sh"
hello_world
CLIENT=$TESTS/e2e/tools/hello_segments.py

# TITLE WAY PORT
ways="ttl-decoy ttl-decoy 9200
ttl-decoy,bad-checksum checksum-decoy 9201
ttl-decoy,outside-the-window sequence-decoy 9202
ttl-decoy,reset reset-decoy 9203
overlap,evil-first overlap-name-first 9204
overlap,evil-last overlap-name-last 9205
overlap,in-the-middle overlap-middle 9206
overlap,sent-again again 9207
overlap,reordered reordered 9208
syn-data syn-data 9209"
evil() { while read -r _ way port; do echo "$way:$EVIL:$port"; done <<<"$ways"; }
asked() { grep -qxsF "$1" "$READ/$2.names" && echo yes || echo no; }

# shellcheck disable=SC2046 # a word a task
AT_ONCE=1 judged --cap-net-admin --no-server-names "${RULES[@]}" -- $(evil) after-denial:$EVIL:9020
while read -r title way port; do
	case $way in
	# the first that arrives stays; what is sent again is known already
	overlap-name-last | overlap-middle | again) continue ;;
	esac
	same "$title, names not looked at: TLS is asked for the other name" "yes yes" "$(asked $EVIL "$port") $(asked $EVIL $((port + 50)))"
done <<<"$ways"
wait_for 5 test -s "$READ/all.forged"
check "after-denial, names not looked at: forged segments arrive" "$([ "$(wc -l <"$READ/all.forged")" -gt 10 ]; echo $?)"

# shellcheck disable=SC2046
AT_ONCE=1 judged --cap-net-admin "${RULES[@]}" -- $(evil) after-denial:$EVIL:9020 reordered:$GOOD:9220 syn-data:$GOOD:9221
while read -r title way port; do
	same "$title: TLS is not asked for the other name" "no no" "$(asked $EVIL "$port") $(asked $EVIL $((port + 50)))"
	same "$title: nor has the server read it" 0 "$(cat "$READ/$port.read" "$READ/$((port + 50)).read" 2>/dev/null | grep -ac $EVIL)"
	check "$title: it was tried" "$([ "$(said "$way" $EVIL "$port")" ]; echo $?)" "$out"
	lacks "$title: it was carried out" "$(said "$way" $EVIL "$port")" failed
done <<<"$ways"
same "after-denial: reset, then forged" "reset forged" "$(said after-denial $EVIL 9020)"
same "after-denial: no forged segment arrives" 0 "$(cat "$READ/all.forged" 2>/dev/null | wc -l)"
same "after-denial: the server has read nothing" "0 0" "$(bytes_read 9020) $(bytes_read 9070)"
same "reordered, the name that is allowed: asked for" "yes yes" "$(asked $GOOD 9220) $(asked $GOOD 9270)"
same "hello in the SYN, the name that is allowed behind it: asked for" "yes yes" "$(asked $GOOD 9221) $(asked $GOOD 9271)"
finish
