#!/usr/bin/env bash
# An hour of ordinary work in a minute, under the default policy and the default limits: a package manager, git, 10,000 short
# connections, one that is idle for the whole time, short exchanges of UDP, and 100 lookups a second, of which none is in a
# cache. Nothing of it is refused.
# long
. "$(dirname "$0")/lib.sh"
world_up '*.many-names.example. 60 IN A 93.184.216.34'

# A repository of packages, as apt reads it, and one of git, on the Internet's web servers
mkdir -p "$WORK/package/DEBIAN" "$WORK/package/usr/share/ordinary" "$WORK/www/debian"
head -c 2000000 /dev/urandom >"$WORK/package/usr/share/ordinary/data"
for number in 1 2 3; do
	printf 'Package: ordinary%d\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.com>\nDescription: test\n' $number \
		>"$WORK/package/DEBIAN/control"
	dpkg-deb -b "$WORK/package" "$WORK/www/debian/ordinary$number.deb" >/dev/null
	dpkg-deb -f "$WORK/www/debian/ordinary$number.deb"
	printf 'Filename: ./ordinary%d.deb\nSize: %d\nSHA256: %s\n\n' $number "$(stat -c %s "$WORK/www/debian/ordinary$number.deb")" \
		"$(sha256sum <"$WORK/www/debian/ordinary$number.deb" | cut -d' ' -f1)"
done >"$WORK/www/debian/Packages"
printf 'Suite: test\nDate: %s\nSHA256:\n %s %d Packages\n' "$(date -Ru)" "$(sha256sum <"$WORK/www/debian/Packages" | cut -d' ' -f1)" \
	"$(stat -c %s "$WORK/www/debian/Packages")" >"$WORK/www/debian/Release"
mkdir -p "$WORK/apt/lists/partial" "$WORK/apt/cache/archives/partial" "$WORK/apt/empty"
echo "deb [trusted=yes] http://deb.debian.org/debian ./" >"$WORK/apt/sources.list"
: >"$WORK/apt/status"
export HOME=$WORK
git init -q "$WORK/source"
for number in 1 2 3 4 5; do
	head -c 100000 /dev/urandom >"$WORK/source/file$number"
	git -C "$WORK/source" add -A
	git -C "$WORK/source" -c user.name=a -c user.email=a@example.com commit -qm "$number"
done
git clone -q --bare "$WORK/source" "$WORK/www/ordinary.git"
git -C "$WORK/www/ordinary.git" update-server-info

cat >"$WORK/work.py" <<'END'
import asyncio, socket, struct, sys

SECONDS, CONNECTIONS, EXCHANGES, LOOKUPS = 60, 10000, 1800, 6000
failures = {}

def failed(what, why):
    failures.setdefault(what, []).append(repr(why))

async def short_connection(number):
    reader, writer = await asyncio.open_connection("93.184.216.34", 80)
    writer.write(b"GET /index.html HTTP/1.0\r\n\r\n")
    answer = await reader.read(-1)
    writer.close()
    if b"hello from the Internet" not in answer:
        raise ValueError(answer)

async def exchange(number):
    """As of NTP: one datagram, one answer, and the socket is closed"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        query.setblocking(False)
        query.connect(("93.184.216.40", 123))
        query.send(b"time?")
        await asyncio.get_running_loop().sock_recv(query, 512)

async def lookup(number):
    loop = asyncio.get_running_loop()
    gateway = next(line.split()[1] for line in open("/etc/resolv.conf") if line.startswith("nameserver"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        query.setblocking(False)
        query.connect((gateway, 53))
        labels = ["n%d" % number, "many-names", "example"]
        name = b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"
        query.send(struct.pack("!6H", number & 0xffff, 0x100, 1, 0, 0, 0) + name + struct.pack("!2H", 1, 1))
        answer = await loop.sock_recv(query, 512)
        if answer[3] & 15 or answer[7] != 1:
            raise ValueError(answer)

async def many(what, act, count):
    """`count` of them, evenly over the time, each with a client's patience"""
    async def one(number):
        try:
            await asyncio.wait_for(act(number), 20)
        except Exception as why:
            failed(what, why)
    loop, tasks = asyncio.get_running_loop(), []
    begin = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0, begin + SECONDS * number / count - loop.time()))
        tasks.append(asyncio.create_task(one(number)))
    await asyncio.gather(*tasks)
    print("%s: %d of %d failed" % (what, len(failures.get(what, [])), count))

async def idle():
    reader, writer = await asyncio.open_connection("93.184.216.40", 7777)
    writer.write(b"before\n")
    before = await reader.readline()
    await asyncio.sleep(SECONDS)
    writer.write(b"after\n")
    print("idle: %r %r" % (before, await asyncio.wait_for(reader.readline(), 10)))

async def program(what, *argv):
    """again and again until the time is over"""
    loop = asyncio.get_running_loop()
    begin, count = loop.time(), 0
    while loop.time() < begin + SECONDS:
        child = await asyncio.create_subprocess_exec("sh", "-ec", argv[0], stdout=-3, stderr=sys.stderr)
        if await child.wait():
            failed(what, child.returncode)
        count += 1
        await asyncio.sleep(1)
    print("%s: %d of %s failed" % (what, len(failures.get(what, [])), "several" if count > 3 else count))

async def main():
    await asyncio.gather(many("connections", short_connection, CONNECTIONS), many("exchanges", exchange, EXCHANGES),
                         many("lookups", lookup, LOOKUPS), idle(),
                         program("apt", sys.argv[1]), program("git", sys.argv[2]))
    for what, why in failures.items():
        print(what, why[:5])

asyncio.run(main())
END
apt="cd $WORK/apt; rm -f cache/archives/*.deb lists/*debian*
apt_get() { apt-get -o Dir::State=$WORK/apt -o Dir::State::status=$WORK/apt/status -o Dir::State::Lists=$WORK/apt/lists \
	-o Dir::Cache=$WORK/apt/cache -o Dir::Etc::SourceList=$WORK/apt/sources.list -o Dir::Etc::SourceParts=$WORK/apt/empty \
	-o Dir::Etc::Parts=$WORK/apt/empty -o APT::Sandbox::User=root -o Debug::NoLocking=1 -o Acquire::Languages=none -qq \"\$@\"; }
apt_get update; sleep 3; apt_get -y --download-only install ordinary1 ordinary2; sleep 3; apt_get -y --download-only install ordinary3
test -s cache/archives/ordinary3_1_all.deb"
git="rm -rf $WORK/clone; git clone -q http://github.com/ordinary.git $WORK/clone; test -s $WORK/clone/file5"
timeout 180 "$BUILD/msb-run" --vmm none -- python3 "$WORK/work.py" "$apt" "$git" >"$WORK/out" 2>"$WORK/err" </dev/null
same "the work is done" 0 $?
out=$(cat "$WORK/out")
contains "10,000 short connections" "$out" '^connections: 0 of 10000 failed'
contains "1,800 short exchanges of UDP" "$out" '^exchanges: 0 of 1800 failed'
contains "100 lookups a second" "$out" '^lookups: 0 of 6000 failed'
contains "a connection that is idle" "$out" "^idle: b'before.n' b'after.n'"
contains "the package manager" "$out" '^apt: 0 of several failed'
contains "git clone" "$out" '^git: 0 of several failed'
same "not one refusal, nor anything else to report" "" "$(head -n 5 "$WORK/err")"
finish
