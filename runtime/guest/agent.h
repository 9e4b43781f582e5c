/* What the agent in the guest and its peer on the host (runtime/vmm/guest_stdio.c) have agreed on.
 *
 * Four virtio-serial ports carry the command's standard input, output and error as they are, byte for byte, and
 * lines of text on the control port:
 *
 *	guest → host   "ready"             the command is about to start; the host may send input from now on
 *	               "exit N OUT ERR"    it ended with exit status N (128+S for a signal S), after OUT and ERR
 *	                                   bytes of output and error; nothing follows
 *	host → guest   "size ROWS COLUMNS" of the terminal
 *	               "signal N"          for the command's process group
 *
 * The host ends standard input by closing the port. By closing an output port it tells that no one reads the output any
 * more, and the command gets a SIGPIPE. After "exit" the guest waits: the host ends it when it has all output. */
#pragma once

#define AGENT_IN "msb.in"
#define AGENT_OUT "msb.out"
#define AGENT_ERR "msb.err"
#define AGENT_CONTROL "msb.control"
#define AGENT_LINE_MAX 80

/* Files of one start, in the initrd behind the base image; the first four hold strings ended by NUL */
#define AGENT_ARGV "/msb/argv"
#define AGENT_ENVIRON "/msb/environ"
#define AGENT_WORKDIR "/msb/workdir" /* exists where one was asked for: one string, an absolute path */
#define AGENT_VOLUMES \
	"/msb/volumes" /* exists where there are any: each "virtiofs" or "ext4", tag or serial number, "ro" or "rw", path */
#define AGENT_HOSTS "/msb/hosts"       /* lines "ADDRESS NAME" that /etc/hosts has to have, see hosts.h */
#define AGENT_TERMINAL "/msb/terminal" /* exists where the command gets one */
