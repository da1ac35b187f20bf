import hmac, os, socket, sys

key = os.environ.get("COURSE_KEY", "这是一个秘钥").encode()
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=128)
print("listening on 127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    stream, client = listener.accept()
    stream.settimeout(5)                       # for each recv, not for all of them
    try:
        nonce = os.urandom(32)
        stream.sendall(nonce)
        answer = b""
        while len(answer) < 32 and (data := stream.recv(32 - len(answer))):
            answer += data
        right = hmac.new(key, nonce, "md5").hexdigest().encode()
        legitimate = hmac.compare_digest(right, answer)      # constant time; == is not
        print(client, "is legitimate" if legitimate else "is not legitimate", flush=True)
        if legitimate:
            stream.sendall(b"welcome\n")
    except OSError as error:
        print(client, error, file=sys.stderr)
    stream.close()
