"""Reads frames as a tutorial does, to measure beside lesson 6: two calls of recv for each frame."""

import socket
import struct
import sys

listener = socket.socket()
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen()
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    stream, client = listener.accept()
    while prefix := stream.recv(4, socket.MSG_WAITALL):
        (length,) = struct.unpack("!I", prefix)
        body = stream.recv(length, socket.MSG_WAITALL)
    stream.close()
