import json, os, socket, struct, sys

port, path, order = int(sys.argv[1]), sys.argv[2], sys.argv[3]  # order: "!i" or "i"
listener = socket.create_server(("127.0.0.1", port))
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
stream, client = listener.accept()
header = json.dumps({"filename": os.path.basename(path), "filesize": os.path.getsize(path)}).encode()
stream.sendall(struct.pack(order, len(header)) + header)        # both in one write
with open(path, "rb") as file:
    while block := file.read(2048):
        stream.sendall(block)
stream.close()
