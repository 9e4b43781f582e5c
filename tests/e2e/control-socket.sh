#!/usr/bin/env bash
# The control socket against those who should not, and what they leave in its way. usage: control-socket.sh BUILD
# shellcheck source=tests/e2e/lib.sh
. "$(dirname "$0")/lib.sh"
host_up
CTL=$BUILD/msb-ctl
# ctl ARG…: leaves $out, $err, $status and the milliseconds it took in $took
ctl() {
	local start=${EPOCHREALTIME/./}
	timeout 60 "$CTL" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null
	status=$? out=$(tr -d '\0' <"$WORK/out") err=$(tr -d '\0' <"$WORK/err") took=$(((${EPOCHREALTIME/./} - start) / 1000))
}
# asked TEXT: what one's control socket answers to bytes
asked() { printf '%b' "$1" | timeout 10 socat -t 5 - UNIX-CONNECT:/run/msb/one/control; }
bound=$(patience 4)000

start_sandbox one -- sleep 120
one=$sandbox_pid
wait_for 20 "$CTL" status one

same "the directory and the socket are root's" "700 root 700 root 600 root" \
	"$(stat -c '%a %U' /run/msb /run/msb/one /run/msb/one/control | tr '\n' ' ' | sed 's/ $//')"

# names
for name in ../x .. . a/b 'A' '' "$(printf 'a%.0s' {1..33})" 'a b' $'a\nb' claims; do
	ctl status "$name"
	same "no path is made of $(printf '%q' "$name")" 2 "$status"
done
strace -f -e trace=open,openat,connect,unlink,unlinkat,stat,newfstatat -o "$WORK/trace" "$CTL" status one >/dev/null 2>&1
lacks "a request names no file that msb-ctl then opens" "$(sed -n '/run.msb/,$p' "$WORK/trace" | grep -v ENOENT)" '"/etc|"/root|\.\./'
contains "a command that nobody has" "$(asked '{"version":1,"command":"reload","path":"/etc/shadow"}\n')" '"ok":false|"error"'
lacks "no file's content comes back" "$(asked '{"version":1,"command":"reload","path":"/etc/shadow","policy":"/etc/shadow"}\n')" 'root:'

# who may
useradd_line='ann:x:4001:4001::/:/bin/sh'
grep -v '^ann:' /etc/passwd >"$WORK/passwd" && echo "$useradd_line" >>"$WORK/passwd" && mount --bind "$WORK/passwd" /etc/passwd
grep -v '^box:' /etc/group >"$WORK/group" && echo 'box:x:4002:' >>"$WORK/group" && mount --bind "$WORK/group" /etc/group
start_sandbox two --control-group box -- sleep 120
two=$sandbox_pid
wait_for 20 "$CTL" status two
same "with a group it is the group's, too" "711 root:root 710 root:box 660 root:box" \
	"$(stat -c '%a %U:%G' /run/msb /run/msb/two /run/msb/two/control | tr '\n' ' ' | sed 's/ $//')"
mkdir "$WORK/bin" && cp "$CTL" "$WORK/bin/" && chmod 755 "$WORK/bin" # where anybody may execute it
as() { timeout 20 setpriv --reuid 4001 --regid 4001 "$@" </dev/null 2>&1; }
contains "a stranger gets nowhere" "$(as --clear-groups "$WORK/bin/msb-ctl" status two)" 'not permitted'
contains "who has the group is answered" "$(as --groups 4002 "$WORK/bin/msb-ctl" status two)" '^two  running'
contains "but not by a sandbox that did not name it" "$(as --groups 4002 "$WORK/bin/msb-ctl" status one)" 'not permitted'
chmod 777 /run/msb/two /run/msb/two/control
contains "a socket that is open to all asks who it is all the same" \
	"$(as --clear-groups socat -t 5 - UNIX-CONNECT:/run/msb/two/control)" 'not permitted'
chmod 710 /run/msb/two && chmod 660 /run/msb/two/control
"$BUILD/msb-run" --vmm none --control-group no-such-group -- true 2>"$WORK/err"
same "a group that is none" 125 $?

# what bytes do
contains "no JSON" "$(asked 'GET / HTTP/1.1\r\n\r\n')" '"error":"no JSON'
contains "JSON that is no request" "$(asked '[1,2]\n')" 'a request is an object'
contains "depth" "$(python3 -c 'print("["*100000)' | timeout 10 socat -t 5 - UNIX-CONNECT:/run/msb/one/control)" '"ok":false'
head -c 40000000 /dev/zero | tr '\0' 'x' | timeout 30 socat -t 5 - UNIX-CONNECT:/run/msb/one/control >"$WORK/long" 2>/dev/null
ctl status one
same "40 MB without an end of line: it goes on" 0 "$status"

# what is in the way of ps
mkdir -m 700 /run/msb/dead /run/msb/rubbish /run/msb/endless /run/msb/silent /run/msb/fifo /run/msb/foreign
ln -s /run/msb/one /run/msb/link
ln -s /etc /run/msb/etc
mkfifo /run/msb/pipe /run/msb/fifo/control
: >/run/msb/file
chown 4001 /run/msb/foreign
ctl ps
same "leftovers, links, FIFOs and files are no sandboxes" "one two" "$(tail -n +2 <<<"$out" | awk '{ print $1 }' | xargs)"
# sockets of root's that answer what they like, with their names claimed as a sandbox's is
cat >"$WORK/liar.py" <<-'EOF'
	import fcntl, os, socket, struct, sys, threading
	name, how = sys.argv[1:]
	value = 0xcbf29ce484222325
	for c in name.encode():
	    value = (value ^ c) * 0x100000001b3 % 2**64
	claims = os.open("/run/msb/claims", os.O_RDWR)
	fcntl.fcntl(claims, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 2**62 + (value >> 2), 1, 0))  # F_OFD_SETLK
	listener = socket.socket(socket.AF_UNIX)
	listener.bind(f"/run/msb/{name}/control")
	listener.listen(64)
	def serve(peer):
	    try:
	        if how == "rubbish":
	            peer.sendall(b"\x00\x1b]0;owned\x07 {]\n")
	        while how == "endless":
	            peer.sendall(b"x" * 65536)
	        threading.Event().wait()
	    except OSError:
	        pass
	print("up", flush=True)
	while True:
	    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
EOF
for name in rubbish endless silent; do python3 "$WORK/liar.py" "$name" "$name" >"$WORK/liar.$name" 2>&1 & done
for name in rubbish endless silent; do wait_for 10 grep -q up "$WORK/liar.$name" || cat "$WORK/liar.$name" >&2; done
ctl ps
check "ps is back in time, whatever is answered ($took ms)" $((took > bound))
contains "a real one among them is shown" "$out" '^one +[0-9]+[smh] +none +172\.16\.'
contains "rubbish is none" "$out" '^rubbish .*answers what is no answer'
contains "silence is none" "$out" '^silent .*does not answer'
contains "an endless line is none" "$out" '^endless .*(no answer|not answer)'
lacks "nothing of it steers the terminal" "$out" $'[\x1b\x07]'
ctl status silent
check "status is back in time ($took ms)" $((took > bound))
same "and says that the system failed" 3 "$status"

# the supervisor hangs
supervisor=$(pgrep -P "$one" -x msb-supervisor)
kill -STOP "$supervisor"
ctl ps
check "with a supervisor that hangs ps is back in time ($took ms)" $((took > bound))
contains "and says so" "$out" '^one .*does not answer'
ctl stop one --kill --wait 1
same "stop --kill ends it" 0 "$status"
wait "$one" 2>/dev/null
[ ! -e /run/msb/one ]
check "and nothing of it is left" $?
ctl stop two
same "stop ends the other in order" "0 two: stopped" "$status $out"
wait "$two"
same "as SIGTERM to msb-run does" 143 $?
finish
