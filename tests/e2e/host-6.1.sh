#!/usr/bin/env bash
# A host with Linux 6.1, Debian 12's kernel, booted in QEMU: it has flowtables. usage: tests/e2e/host-6.1.sh BUILD
# alone: it measures times, of a machine whose processors are emulated
exec "$(dirname "$0")/../kernels/suite.sh" "${1:?usage: host-6.1.sh BUILD}" 6.1 fast-path reload-fast-path events-flow-end dns-bindings cni-ipvlan cni cni-check cni-fast-path
