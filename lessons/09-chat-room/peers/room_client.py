import socket, sys, threading

stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
stream.sendall(sys.argv[2].encode() + b"\n")   # the name

def listen():
    for line in stream.makefile("rb"):         # until the server closes
        print(line.decode(), end="", flush=True)

listener = threading.Thread(target=listen)     # one thread can wait for one thing
listener.start()
for line in sys.stdin:
    stream.sendall(line.encode())
stream.shutdown(socket.SHUT_WR)
listener.join()
