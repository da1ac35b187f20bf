import functools, http.server, sys

class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"              # it would answer HTTP/1.0, and close each time
    disable_nagle_algorithm = True             # it writes head and body apart: 40 ms each (lesson 5)
    timeout = 15                               # for each recv: a byte now and then keeps it waiting
    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):  # lesson 8: a thread for each connection
    request_queue_size = 128

handler = functools.partial(Handler, directory=sys.argv[2])
with Server(("127.0.0.1", int(sys.argv[1])), handler) as server:
    print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()                     # follows symbolic links out of the folder
