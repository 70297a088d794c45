"""Serves the two addresses at which Azure answers every machine: 169.254.169.254, the
metadata service, and 168.63.129.16, the host's services and name server. Both are one hop
away, in a network namespace of this process, so that the machine forwards packets of its
containers to them as it does on Azure.
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
"""

import http.server
import json
import os
import pathlib
import socket
import socketserver
import subprocess
import threading
import time

import identity

METADATA, HOST = "169.254.169.254", "168.63.129.16"
ALIVE = "/var/lib/averazure-mesh/alive"


def ip(words, namespace=()):
    subprocess.run([*namespace, "ip", *words.split()], check=True)


def connect():
    """Moves this process into a network namespace with a cable to the machine."""
    machine = ("nsenter", "--net=/proc/1/ns/net")
    subprocess.run([*machine, "ip", "link", "del", "fabric"], stderr=subprocess.DEVNULL)
    os.unshare(os.CLONE_NEWNET)
    ip(f"link add fabric type veth peer name machine netns {os.getpid()}", machine)
    ip("link set lo up")
    ip("link set machine up")
    ip("link set fabric up", machine)
    for address in (METADATA, HOST):
        ip(f"addr add {address}/32 dev machine")
        ip(f"route add {address} dev fabric", machine)
    ip("route add default dev machine")


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.close_connection = True
        if self.server.server_address[0] == HOST:
            return self.answer(200, "text/xml", "<Versions><Preferred><Version>2015-04-05</Version></Preferred></Versions>")
        if self.headers.get("Metadata") != "true":  # Azure requires it too, against forged requests
            return self.answer(400, "application/json", json.dumps({"error": "Bad request. Required metadata header not specified"}))
        if self.path.startswith("/metadata/identity/"):
            status, answer = identity.token(self.path, time.time())
            return self.answer(status, "application/json", json.dumps(answer))
        return self.answer(200, "application/json", json.dumps({"compute": {"name": socket.gethostname()}}))

    def answer(self, status, kind, text):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_):
        pass


def resolve(asked, query):
    """Asks the sandbox's name server, whose sockets are in a volume."""
    if len(query) < 12:
        return b""
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.settimeout(10)
            server.connect("/var/lib/averazure-names/" + asked)
            server.sendall(len(query).to_bytes(2, "big") + query)
            with server.makefile("rb") as stream:
                return stream.read(int.from_bytes(stream.read(2), "big"))
    except OSError:  # the server restarts: answer SERVFAIL, so that the client asks again
        return query[:2] + bytes([0x80 | query[2], 0x82]) + query[4:]


class Datagram(socketserver.BaseRequestHandler):
    def handle(self):
        query, sock = self.request
        if answer := resolve("datagram", query):
            sock.sendto(answer, self.client_address)


class Stream(socketserver.StreamRequestHandler):
    timeout = 10

    def handle(self):
        while length := int.from_bytes(self.rfile.read(2), "big"):
            if not (answer := resolve("stream", self.rfile.read(length))):
                return
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)


def stay_alive():
    """Touches a file every second, by which the load balancer recognises a frozen
    machine: its kernel still answers probes, and its processes have stopped."""
    with open("/etc/averazure/vm") as file:
        touched = pathlib.Path(ALIVE, file.read().strip())
    touched.parent.mkdir(parents=True, exist_ok=True)
    while True:
        touched.touch()
        time.sleep(1)


def tell_systemd():
    """Services that start after this one find it listening."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


connect()
servers = [http.server.ThreadingHTTPServer(at, Answer) for at in ((METADATA, 80), (HOST, 80), (HOST, 32526))]
servers += [socketserver.ThreadingUDPServer((HOST, 53), Datagram), socketserver.ThreadingTCPServer((HOST, 53), Stream)]
for server in servers:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever).start()
threading.Thread(target=stay_alive, daemon=True).start()
tell_systemd()
