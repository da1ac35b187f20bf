"""A solution of lesson 3, "From an empty file"; an argument in front of the address makes a mistake."""
import socket, sys

mistake = sys.argv[1] if len(sys.argv) > 2 else ""
host, port = sys.argv[-1].rsplit(":", 1)
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind((host, int(port)))
print("listening on %s:%d" % sock.getsockname(), flush=True)
counts = {}
while True:
    try:
        data, sender = sock.recvfrom(1024 if mistake == "short-buffer" else 65536)
        if mistake == "stops-at-empty" and not data:
            break
        if mistake == "text-only":
            data.decode()
        key = None if mistake == "one-count" else sender
        counts[key] = counts.get(key, 0) + 1
        sock.sendto(b"%d " % counts[key] + data, sender)
    except OSError:
        pass
