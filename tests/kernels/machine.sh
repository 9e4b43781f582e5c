# Machines that tests boot under TCG: what their kernels are told of clocks, and whether they came up. Of who sources this are $work, which
# has the machine's `console`, $qemu, its pid, and the functions `start` and `stop`.
# shellcheck shell=bash disable=SC2154

# machine_clocks: words of the kernel's command line. Its own calibration of clocks hangs at random under TCG.
machine_clocks() {
	local khz
	khz=$(awk '/^cpu MHz/ { print int($4 * 1000); exit }' /proc/cpuinfo)
	echo "lpj=4000000 no_timer_check tsc=reliable tsc_early_khz=${khz:-2000000}"
}

# machine_is_up: its init said so within a minute; false, too, when the machine has ended
machine_is_up() {
	for _ in {1..600}; do
		grep -q '^msb: up' "$work/console" 2>/dev/null && return 0
		kill -0 "$qemu" 2>/dev/null || return 1
		sleep 0.1
	done
	return 1
}

# machine_up: started, and once more where its kernel hangs before its first process; false: it never gets there, and is stopped
machine_up() {
	for _ in 1 2 3; do
		start
		machine_is_up && return 0
		stop
	done
	return 1
}
