"""One flow. Usage: tls_client.py ADDRESS PORT HOW [NAME]

HOW tls: a TLS connection, with that server name where one is given: prints what the server answers; listen: what a server says first,
then what it echoes; plain: what it echoes. Or `reset`, `refused`, `timeout`, `end`."""
import socket, ssl, sys

address, port, how = sys.argv[1], int(sys.argv[2]), sys.argv[3]
name = sys.argv[4] if len(sys.argv) > 4 else None


def talk(sock):
    if how == "tls":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        tls = context.wrap_socket(sock, server_hostname=name)
        tls.sendall(b"?")
        return tls.recv(100)
    said = b""
    if how == "listen":
        said = sock.recv(100)
    sock.sendall(b"echo\n")
    while not said.endswith(b"echo\n"):
        data = sock.recv(100)
        if not data:
            break
        said += data
    return said


try:
    with socket.create_connection((address, port), 10) as connection:
        print(talk(connection).decode().replace("\n", " ").strip() or "end")
except ConnectionResetError:
    print("reset")
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("timeout")
except (ssl.SSLError, BrokenPipeError) as error:
    print("reset" if "EOF" in str(error) or isinstance(error, BrokenPipeError) else f"error: {error}")
