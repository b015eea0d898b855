# SPDX-License-Identifier: GPL-2.0-only
"""nginx's mail proxy with its own directive for MPTCP, `listen … multipath`, and the same nginx
without the directive, attached by the tool: an IMAP fetch through each over two paths. Writes
$OUT/nginx.json; exit 1 if the two differ."""

import json
import os
import platform
import statistics
import subprocess

import network
import paths
from fetch import MPTCP, fetch
from synack import mp_capable_of_answer

KINDS = {"multipath": "listen 143 multipath;", "attached": "listen 143;"}
RUNS = 3
CONF = """
user www-data;
include /etc/nginx/modules-enabled/*.conf;
events {{
}}
http {{
    access_log off;
    server {{
        listen 127.0.0.1:8080;
        location / {{
            add_header Auth-Status OK;
            add_header Auth-Server 127.0.0.1;
            add_header Auth-Port 1143;
            return 200;
        }}
    }}
}}
mail {{
    auth_http 127.0.0.1:8080/;
    server {{
        {listen}
        protocol imap;
    }}
}}
"""


def start_nginx(kind):
    """Starts it in front of Dovecot; runs the tool before the server, as the drop-in would."""
    subprocess.run([paths.TOOL, "--detach", "-q"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["systemctl", "stop", "nginx.service"], check=True)
    with open("/etc/nginx/nginx.conf", "w", encoding="ascii") as f:
        f.write(CONF.format(listen=KINDS[kind]))
    if kind == "attached":
        paths.attach("nginx.service")
    subprocess.run(["systemctl", "start", "nginx.service"], check=True)


def measure(measured, kind):
    found = {}
    start_nginx(kind)
    with paths.paths():
        found["syn_ack"] = mp_capable_of_answer(network.SERVER[1], 143)
        results = [fetch(MPTCP, network.SERVER[1]) for _ in range(RUNS)]
    found["mbit"] = [round(measured.rate(r), 2) for r in results]
    for cut in (network.cut_silently, network.cut_by_link_down):
        stalls = []
        for _ in range(RUNS):
            with paths.paths():
                results.append(fetch(MPTCP, network.SERVER[1], cut=cut))
            stalls.append(round(results[-1].longest_stall, 3))
        found[f"stalls_{cut.__name__}"] = stalls
    paths.claim(all(measured.whole(r) for r in results), f"{kind}: the message comes whole, {len(results)} times")
    for what in ("mbit", "stalls_cut_silently", "stalls_cut_by_link_down"):
        paths.say(f"      {what}: {', '.join(map(str, found[what]))}")
    return found


def compare(native, attached):
    def median(what):
        return statistics.median(native[what]), statistics.median(attached[what])
    paths.claim(native["syn_ack"] == attached["syn_ack"] is not None,
                f"the same MP_CAPABLE in the SYN-ACK, but for the key: {attached['syn_ack']}")
    ratio = median("mbit")[1] / median("mbit")[0]
    paths.claim(0.9 < ratio < 1.1, f"attached carries {ratio:.2f} times what multipath does (0.9 to 1.1)")
    for cut in ("stalls_cut_silently", "stalls_cut_by_link_down"):
        paths.claim(max(median(cut)) < 1, f"{cut}, medians: multipath {median(cut)[0]:.2f} s, attached "
                    f"{median(cut)[1]:.2f} s (below 1)")


def main():
    size, sha256 = paths.start_dovecot(port=1143, attached=False)
    measured = paths.Measured(size, sha256)
    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "nginx"], check=True, capture_output=True,
                             text=True).stdout
    paths.say(f"nginx {version}, Linux {platform.release()}")
    found = {kind: measure(measured, kind) for kind in KINDS}
    compare(*found.values())
    with open(f"{os.environ['OUT']}/nginx.json", "w", encoding="ascii") as f:
        json.dump({**found, "nginx": version, "kernel": platform.release(), "message": size}, f, indent=1)
        f.write("\n")
    return paths.verdict()


if __name__ == "__main__":
    raise SystemExit(main())
