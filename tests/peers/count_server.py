"""A solution of lesson 1, "From an empty file"; an argument in front of the address makes a mistake."""
import socket, sys

mistake = sys.argv[1] if len(sys.argv) > 2 else ""
host, port = sys.argv[-1].rsplit(":", 1)
listener = socket.create_server((host, int(port)))
if mistake != "silent":
    shown = 0 if mistake == "says-port-0" else listener.getsockname()[1]
    print("listening on %s:%d" % (host, shown), flush=True)
if mistake == "silent":
    sys.exit(0)
kept = []
while True:
    stream, _ = listener.accept()
    try:
        total = 0
        while data := stream.recv(1024):
            total += len(data)
            if mistake == "does-not-wait" or (mistake == "one-read" and total == 1024):
                break
        stream.sendall(b"%d bytes\n" % total)
        if mistake == "keeps-open":
            kept.append(stream)
        else:
            stream.close()
    except OSError:
        if mistake == "dies-of-reset":
            raise
    if mistake == "one-client" and total == 10:
        break
