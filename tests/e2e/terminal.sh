#!/usr/bin/env bash
# A guest on a terminal: a shell when no command is given, of the terminal's size, whose interrupts are the guest's; the
# terminal is what it was afterwards.
# shellcheck disable=SC2016 # scripts for the guest
. "$(dirname "$0")/lib.sh"
world_up

# What is typed while a command still prints would be echoed into its output: each line waits for the prompt
out=$(TERM=vt100 python3 "$TESTS/e2e/tools/terminal.py" "$BUILD/msb-run" --quiet --net-default deny -- \
	'~ # ' 'stty size; tty; echo term=$TERM\r' \
	'term=vt100\s+~ # ' 'echo sum=$((40 + 2))\r' \
	'sum=42\s+~ # ' "sh -c 'echo sl\$((40 + 2))eeps; exec sleep 1000'\r" \
	'sl42eeps' '\003' \
	'~ # ' 'echo inter""rupted\r' \
	'interrupted\s+~ # ' 'exit 5\r')
contains "the guest's terminal has the size of the host's" "$out" '^33 101$'
contains "it is one" "$out" '^/dev/pts/0$'
contains "TERM is handed on" "$out" '^term=vt100$'
contains "what is typed reaches the guest" "$out" '^sum=42$'
contains "an interrupt is the guest's" "$out" '^interrupted$'
contains "the shell's exit status" "$out" '^status: 5$'
contains "the terminal is what it was" "$out" '^mode: cooked$'
finish
