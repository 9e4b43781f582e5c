#!/usr/bin/env bash
# A host with Linux 6.12, that of Debian 12's backports, booted in QEMU: it has flowtables, and controllers of version 2. usage: tests/e2e/host-6.12.sh BUILD
# alone: it measures times, of a machine whose processors are emulated
exec "$(dirname "$0")/../kernels/suite.sh" "${1:?usage: host-6.12.sh BUILD}" 6.12 fast-path reload-fast-path published ttl-rst cgroup-v2
