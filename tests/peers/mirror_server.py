"""A solution of lesson 6, "From an empty file"; an argument in front of the address makes a mistake."""
import socket, struct, sys

mistake = sys.argv[1] if len(sys.argv) > 2 else ""
host, port = sys.argv[-1].rsplit(":", 1)
order = "<I" if mistake == "little-endian" else ">I"


def read(stream, n):
    """Just n bytes, or fewer at the end."""
    data = b""
    while len(data) < n:
        more = stream.recv(n - len(data))
        if not more:
            break
        data += more
        if mistake == "one-read":
            break
    return data


def serve(stream):
    while True:
        head = read(stream, 4)
        if len(head) < 4:
            if head and mistake == "dies-of-half":
                raise SystemExit("a length of %d bytes" % len(head))
            return
        length = struct.unpack(order, head)[0]
        if length > 1048576 and mistake != "no-limit":
            return
        if length == 0 and mistake == "no-empty":
            return
        body = read(stream, length)
        if len(body) < length and mistake != "answers-half":
            return
        stream.sendall(struct.pack(order, len(body)) + body[::-1])


listener = socket.create_server((host, int(port)))
print("listening on %s:%d" % listener.getsockname(), flush=True)
while True:
    stream, _ = listener.accept()
    with stream:
        try:
            serve(stream)
        except OSError:
            pass
