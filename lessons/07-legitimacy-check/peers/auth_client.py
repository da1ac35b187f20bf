import hmac, os, socket, sys

key = os.environ.get("COURSE_KEY", "这是一个秘钥").encode()
stream = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=5)
nonce = b""
while len(nonce) < 32:                         # 32 bytes may come in pieces
    nonce += stream.recv(32 - len(nonce)) or sys.exit("the server closed too early")
stream.sendall(hmac.new(key, nonce, "md5").hexdigest().encode())
reply = b""
while data := stream.recv(1024):
    reply += data
print("accepted" if reply == b"welcome\n" else "rejected")
