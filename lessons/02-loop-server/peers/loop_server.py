import socket, sys

listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1) # Rust's std does this in bind
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(128)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:                                    # the connection loop
    stream, client = listener.accept()
    try:
        while data := stream.recv(1024):       # the communication loop
            stream.sendall(data)
    except OSError as error:                   # reset, broken pipe, timed out …
        print(client, error, file=sys.stderr)
    stream.close()
