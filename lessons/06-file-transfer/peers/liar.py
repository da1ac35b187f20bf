import json, socket, struct, sys

port, name, size, body = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4].encode()
order = sys.argv[5] if len(sys.argv) > 5 else "!i"
header = json.dumps({"filename": name, "filesize": size}, separators=(",", ":")).encode()
stream = socket.create_connection(("127.0.0.1", port))
stream.sendall(struct.pack(order, len(header)) + header + body)
