import datetime, socket, sys

clock = socket.socket(type=socket.SOCK_DGRAM)
clock.bind(("127.0.0.1", int(sys.argv[1])))
print("listening on 127.0.0.1:%d" % clock.getsockname()[1], flush=True)
while True:
    request, sender = clock.recvfrom(65508)
    try:
        answer = datetime.datetime.now().strftime(request.decode() or "%Y-%m-%d %X")
    except ValueError as error:                # not UTF-8, or NUL in it
        answer = "error: %s" % error
    clock.sendto(answer.encode()[:1024], sender)
