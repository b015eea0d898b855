# SPDX-License-Identifier: GPL-2.0-only
"""A server that knows nothing of MPTCP: listener.py ADDRESS PORT greets every client."""

import socket
import sys

family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
server = socket.create_server((sys.argv[1], int(sys.argv[2])), family=family)
served = []
while True:
    connection = server.accept()[0]
    connection.sendall(b"hello\n")
    served.append(connection)  # stays open for inspection
