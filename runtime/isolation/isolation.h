/* Theory of operation: which process gives up what, in which stages, and what it still holds.
 *
 * Everything starts as root in msb-run, and the policy is compiled there, before any other process exists. A process first
 * opens what it needs, then gives up what opening took, and only then reads what a guest or a stranger can write. There are
 * three levels, and three exceptions at the end; nothing outside this folder calls capset, seccomp, pivot_root or setresuid.
 *
 * 1. Root with few capabilities (capabilities.h): no_new_privs, not dumpable, no environment. It has the host's files.
 *    It reads messages of other processes here, netlink, and headers of packets that the kernel logs.
 *
 *    launcher      where /proc/sys is read-only, as in a container, first makes a mount namespace in which it is not (proc_sys.h).
 *                  Starts the table owner and the supervisor, then keeps no capability at all. Holds the terminal, a
 *                  channel to the supervisor and pidfds of both. If dropping fails it goes on, since it is no less safe
 *                  than before, and reports it.
 *    table owner   outside the sandbox's pid namespace, in the host's network namespace. Keeps CAP_NET_ADMIN, to delete
 *                  the host link and put back forwarding at the end; and CAP_DAC_OVERRIDE where there is a cgroup to remove, since
 *                  the tops of the hierarchies are read-only files. Holds the netlink socket that owns the host's
 *                  table, an rtnetlink socket, a channel, pid 1's pidfd, the run directory (to remove the control
 *                  socket), later the VM's network namespace.
 *    supervisor    pid 1 of the sandbox's pid namespace, killed with the launcher (PDEATHSIG). All capabilities while it
 *                  sets up and starts the processes below; then CAP_NET_ADMIN, SYS_ADMIN, KILL, NET_BIND_SERVICE; and
 *                  SETUID, SETGID, SETPCAP, to jail the name worker should a later policy be the first to need it, and to put
 *                  files of events aside as the owner of their directory (as_owner.h), not as root.
 *                  Holds both network namespaces, netlink sockets in both, its workers' channels, TCP listeners, the
 *                  tap, the events' files and directories, a socket towards the journal, standard streams, the control socket: it reads JSON of root, or of a
 *                  group that root named (SO_PEERCRED), and reads no file that a request names.
 *
 *    msb-ctl       as it was started, but serve-metrics: that listens, then keeps no capability and, by Landlock (files.h),
 *                  no file but to read what is in /run/msb, and only then reads HTTP. It stays root, whom sandboxes answer.
 *
 * 2. Worker jail (worker_jail.h): a uid of the sandbox and role alone. The stages, each of which needs what the next takes
 *    away: only the listed descriptors; no environment; an empty, read-only root, in mount and IPC namespaces of its own;
 *    capabilities out of the bounding set, the uid, no capability; no core dump, no new process, not dumpable,
 *    no_new_privs; the system calls of a list, any other kills it. It stays in the pid and network namespaces of the
 *    supervisor. An attacker who runs it can do with its descriptors what the list allows, and ask the supervisor,
 *    which judges each ask.
 *
 *    DNS worker    holds the listeners on port 53, and gets unconnected sockets towards servers as it asks for them, up to a
 *                  bound, those towards servers on the host opened in the host's namespace: each marked, so the packet
 *                  filter decides what they reach.
 *    relay worker  holds UDP listeners, and the two ends of each flow as the supervisor hands them over. It cannot make,
 *                  bind or connect a socket.
 *    name worker   (where server names decide) holds the two ends of each flow that the packet filter diverts, as the supervisor hands
 *                  them over. It cannot make, bind or connect a socket.
 *    streams       (QEMU only) starts QEMU, then keeps its ends of QEMU's sockets, QEMU's pidfd and msb-run's standard
 *                  streams, the terminal among them. QEMU, its child, dies with it.
 *
 * 3. Exec jail (exec_jail.h): for programs that are not ours. The stages: mount, IPC, UTS and cgroup namespaces; a root in
 *    memory, read-only, with /usr, /bin, /lib, /lib64 and what is listed; a uid of its own; a user namespace (done without
 *    where the host forbids it and no capability is wanted); PDEATHSIG, no_new_privs, no core dump; a filter that denies
 *    what reaches into other processes (exec_filter.h). Then descriptors are closed, and it is executed with an
 *    environment of two fixed variables.
 *
 *    QEMU          a network namespace without links, too. Holds the tap, the disk, its ends of the sockets; /dev/kvm where
 *                  it is used; copies of kernel and initrd. Its own seccomp filter (-sandbox) comes on top.
 *    virtiofsd     (-v) runs as the caller, or the directory's owner, and is root of a user namespace that has no other id: it
 *                  has all capabilities over what that user owns in the one directory that it is left with, and none over
 *                  anything else. A second filter keeps files from becoming setuid (share_filter.h). It is in a pid
 *                  and a network namespace of its own, and shares the guest's memory.
 *    dnsmasq       (guests with an init of their own) stays in the VM's network namespace. CAP_NET_ADMIN, NET_RAW and
 *                  NET_BIND_SERVICE in its own user namespace, valid over nothing that exists. Its one raw socket
 *                  is lent to it (lend_socket.h).
 *
 * Four processes are root with some capabilities less, and no jail:
 *
 *    msb-watch     (--watch) CAP_DAC_READ_SEARCH, to read the policy's files as msb-run could; standard error; no other descriptor of
 *                  ours. Asks the sandbox over its control socket, as any client of root's.
 *    mke2fs        (--rootfs DIRECTORY) packs before anything of the guest runs: mount, IPC and network namespaces of its
 *                  own, the directory mounted without symbolic links, devices or writing; CAP_DAC_READ_SEARCH.
 *    msb-resolv    (--vmm none) CAP_SYS_ADMIN, in COMMAND's mount namespace, where it mounts one file that it writes itself.
 *    msb-init      (--vmm none) pid 1 of COMMAND's pid, mount, IPC, UTS and network namespaces: prepares them, gives up
 *                  CAP_SYS_ADMIN, SYS_PTRACE, SYS_MODULE and, without --cap-net-admin, NET_ADMIN, for itself and COMMAND, and
 *                  closes all but standard streams. COMMAND has the rest of root, the user's environment and the host's
 *                  files: no boundary against root.
 *
 * Where the host has AppArmor's profile of the package in force (debian/apparmor), all of these are under it, but COMMAND of --vmm none,
 * which leaves it when it is executed (apparmor.h). Nothing with no_new_privs can leave it. */
#pragma once
