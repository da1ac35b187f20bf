import json, os, socket, struct, sys

port, folder, order = int(sys.argv[1]), sys.argv[2], sys.argv[3]  # order: "!i" or "i"
stream = socket.create_connection(("127.0.0.1", port))
length = struct.unpack(order, stream.recv(4, socket.MSG_WAITALL))[0]
header = json.loads(stream.recv(length, socket.MSG_WAITALL))
left = header["filesize"]
with open(os.path.join(folder, os.path.basename(header["filename"])), "wb") as file:
    while left:
        block = stream.recv(min(2048, left)) or sys.exit("only a part has come")
        left -= file.write(block)
