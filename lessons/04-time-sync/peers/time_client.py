import socket, sys, time

server, formats = ("127.0.0.1", int(sys.argv[1])), sys.argv[2:]
for format in formats:
    clock = socket.socket(type=socket.SOCK_DGRAM)  # a port of its own for each question
    clock.connect(server)
    clock.settimeout(30)
    sent = time.monotonic()
    clock.send(format.encode())
    answer = clock.recv(65508).decode(errors="replace")
    print("%s  round trip %.3f ms" % (answer, (time.monotonic() - sent) * 1000))
