import itertools, socketserver, sys

numbers = itertools.count(1)

class Handler(socketserver.StreamRequestHandler):  # what is done with one client
    timeout = 300                              # for each recv, not for a whole line
    def handle(self):
        self.wfile.write(b"hello, you are client %d\n" % next(numbers))
        for line in self.rfile:                # however they were cut; of any length, sadly
            self.wfile.write(line)

class Server(socketserver.ThreadingTCPServer): # the machine: a thread for each client
    allow_reuse_address = True                 # std sets it for us
    daemon_threads = True                      # Ctrl-C does not wait for them
    request_queue_size = 4096                  # the backlog, which would be 5

with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("listening on 127.0.0.1:%d" % server.server_address[1], flush=True)
    server.serve_forever()
