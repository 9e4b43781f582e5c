#!/usr/bin/env bash
# Threat vnet-header: a frame with a virtio-net header has the kernel rewrite it after the filter has passed it. The tap of a
# running VM has no such header, and nobody can put one on it afterwards: not by its descriptor, not by opening it again.
. "$(dirname "$0")/lib.sh"
world_up

"$BUILD/msb-run" --vmm qemu --quiet --net-default allow -- sleep 60 >"$WORK/out" 2>"$WORK/err" </dev/null &
sandbox_pid=$!
if ! wait_for 20 pgrep -x msb-supervisor || ! wait_for 20 ip route show 172.16.0.0/30; then
	not_ok "the VM starts" "$(cat "$WORK/err")"
	finish
fi
supervisor=$(pgrep -ox msb-supervisor)
in_vm() { in_dns_netns "$@"; }
wait_for 20 in_vm ip link show tap0
same "the tap of a VM has no virtio-net header" false "$(in_vm ip -d -j link show tap0 | jq '.[0].linkinfo.info_data.vnet_hdr')"
same "and carries Ethernet frames without a header of its own" false "$(in_vm ip -d -j link show tap0 | jq '.[0].linkinfo.info_data.pi')"
same "and only one queue" false "$(in_vm ip -d -j link show tap0 | jq '.[0].linkinfo.info_data.multi_queue')"

# attach FLAGS: what TUNSETIFF says to whoever opens the same tap
cat >"$WORK/attach.py" <<'END'
import fcntl
import struct
import sys

with open("/dev/net/tun", "r+b", buffering=0) as tun:
    try:
        fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH22x", b"tap0", int(sys.argv[1], 16)))
        print("attached")
    except OSError as error:
        print(error.strerror)
END
for flags in 5002 1002 5102; do # IFF_TAP|IFF_NO_PI with IFF_VNET_HDR; without; with IFF_VNET_HDR and IFF_MULTI_QUEUE
	lacks "TUNSETIFF $flags on it is refused, root or not" "$(in_vm python3 "$WORK/attach.py" $flags)" attached
done
kill -KILL "$sandbox_pid"
wait "$sandbox_pid" 2>/dev/null
finish
