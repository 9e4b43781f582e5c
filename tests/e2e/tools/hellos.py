"""ClientHellos of any shape, for the tests of server names: what a client says first, in whatever records."""
import struct

GOOD, EVIL = "good.example", "evil.example"
TLS12, TLS13 = b"\x03\x03", b"\x03\x04"
# Key shares that any server takes: the curve's base point, and some point of X25519
P384 = bytes.fromhex(
    "04aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7"
    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f")
SHARES = {0x18: P384, 0x1D: b"\x09" + bytes(31)}


def extension(kind, data):
    return struct.pack("!HH", kind, len(data)) + data


def vector(size, data):
    return len(data).to_bytes(size, "big") + data


def server_name(*names):
    return extension(0, vector(2, b"".join(b"\0" + vector(2, name.encode() if isinstance(name, str) else name) for name in names)))


def key_share(*groups):
    return extension(51, vector(2, b"".join(struct.pack("!H", group) + vector(2, SHARES[group]) for group in groups)))


def common(groups=(0x1D, 0x18)):
    """What a server of TLS 1.3 wants besides a name and a key share"""
    return (extension(43, vector(1, TLS13)) + extension(45, b"\1\1") + extension(13, vector(2, bytes.fromhex("040308040401080508060501")))
            + extension(10, vector(2, b"".join(struct.pack("!H", group) for group in groups))))


def message(extensions, random=bytes(range(32)), session=bytes(range(32, 64))):
    body = TLS12 + random + vector(1, session) + vector(2, bytes.fromhex("130113021303")) + b"\1\0"
    if extensions is not None:
        body += vector(2, extensions)
    return b"\1" + vector(3, body)


def records(data, size=16384, kind=22):
    return b"".join(bytes([kind]) + b"\3\1" + vector(2, data[at:at + size]) for at in range(0, len(data), size))


def hello(name, shares=(0x1D,), extra=b"", names=None):
    """One record; name None: without one"""
    named = server_name(*(names or [name])) if name is not None or names else b""
    return records(message(named + extra + common() + key_share(*shares)))


def split(name, size):
    return records(hello(name)[5:], size)


def post_quantum(name):
    """As browsers send it: 1,184 bytes of ML-KEM and 32 of X25519, which is more than a segment; the name behind all of it"""
    share = struct.pack("!H", 0x11EC) + vector(2, bytes(1216)) + struct.pack("!H", 0x1D) + vector(2, SHARES[0x1D])
    return records(message(common((0x11EC, 0x1D)) + extension(51, vector(2, share)) + extension(21, bytes(400)) + server_name(name)))


def first_of_two(name, early=False):
    """No key share, so that the server asks for another hello"""
    return hello(name, (), extension(42, b"") if early else b"")


def second_of_two(name):
    return hello(name, (0x18,))


def two_ways(seen, unseen):
    """(before, X, behind): whoever reads X in its place reads the first name, whoever passes over it the second. X is half of a length:
    without it, what is behind it is that half, and one byte behind the record is the last of the hello."""
    shown = server_name(seen) + common() + key_share(0x1D)
    hidden = server_name(unseen) + common() + key_share(0x1D) + struct.pack("!HH", 0x1234, 1)
    odd = bytes([8 + len(shown) + 4]) + bytes(8)
    tail = odd + shown + extension(0x1235, hidden)
    sent = records(message(struct.pack("!HB", 21, 0) + bytes([len(odd)]) + tail))
    at = len(sent) - len(tail) - 1
    return sent[:at], sent[at:at + 1], sent[at + 1:] + b"\0"
