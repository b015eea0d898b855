# SPDX-License-Identifier: GPL-2.0-only
"""More than one path, measured: Debian's Dovecot, attached by the tool, and an IMAP fetch of
MESSAGE bytes. Writes $OUT/paths.json and, for the plot, $OUT/*.dat; exit 1 if a claim of the
README does not hold."""

import contextlib
import hashlib
import json
import os
import platform
import socket
import statistics
import subprocess
import sys

import network
from fetch import GIVE_UP, MPTCP, big_message, fetch

OUT = os.environ["OUT"]
MESSAGE = 20_000_000
CUTS = 5
MAIL = "/srv/mail/demo/Maildir"
TOOL = "/payload/tool/mptcp-mail-attach"
failures = []


def say(text=""):
    print(text, flush=True)


def claim(holds, text):
    say(f"{'PASS' if holds else 'FAIL'}  {text}")
    if not holds:
        failures.append(text)


def attach(unit):
    subprocess.run([TOOL, "--cgroup", f"/sys/fs/cgroup/system.slice/{unit}", "--port", "143/listen"], check=True,
                   stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def start_dovecot(port=143, attached=True):
    """One message in the mailbox; runs the tool before the server, as the drop-in would."""
    config = "/payload/config"
    for words in (f"install -m 644 {config}/dovecot.conf /etc/dovecot/dovecot.conf", "install -d /etc/demo",
                  f"sed -i s/143/{port}/ /etc/dovecot/dovecot.conf",
                  "install -d -o mail -g mail /srv/mail /srv/mail/demo",
                  "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=mail "
                  "-keyout /etc/demo/key.pem -out /etc/demo/cert.pem"):
        subprocess.run(words.split(), check=True, capture_output=True)
    for directory in ("cur", "new", "tmp"):
        os.makedirs(f"{MAIL}/{directory}")
    body = big_message(MESSAGE)
    path = f"{MAIL}/cur/1.1.mail,S={len(body)}:2,S"
    with open(path, "wb") as f:
        f.write(body)
    subprocess.run(["chown", "-R", "mail:mail", "/srv/mail"], check=True)
    if attached:
        attach("dovecot.service")
    subprocess.run(["systemctl", "start", "dovecot.service"], check=True)
    return len(body), hashlib.sha256(body).hexdigest()


@contextlib.contextmanager
def paths(second=socket.AF_INET, both=True):
    network.set_up(second)
    subprocess.run([TOOL, "--refresh", "-q"], check=True, stdout=subprocess.DEVNULL)
    if both:
        network.announce_second_path(second)
    try:
        yield
    finally:
        network.tear_down()


def thinned(points, step=0.03):
    """Leaves out points that the eye cannot tell apart; the ends of a stall stay."""
    last = -step
    for (t, n), (following, _) in zip(points, points[1:] + [(float("inf"), 0)]):
        if t - last >= step or following - t >= step:
            last = t
            yield t, n


def plot(name, result):
    with open(f"{OUT}/{name}.dat", "w", encoding="ascii") as f:
        f.write("0 0\n" + "".join(f"{t:.3f} {n}\n" for t, n in thinned(result.points)))
        if not result.complete:  # nothing more arrived while we waited
            f.write(f"{result.seconds + GIVE_UP:.3f} {result.points[-1][1]}\n")


class Measured:
    """All measurements, as in paths.json."""

    def __init__(self, size, sha256):
        self.size, self.sha256, self.figures = size, sha256, {}

    def whole(self, result):
        return result.complete and result.size == self.size and result.sha256 == self.sha256

    def rate(self, result):
        return self.size * 8 / result.seconds / 1e6

    def throughput(self):
        say(f"\nThroughput, {self.size / 1e6:.0f} MB, each path {network.RATE}:")
        rates = {}
        for name, protocol, both in (("TCP", socket.IPPROTO_TCP, True), ("MPTCP, one path", MPTCP, False),
                                     ("MPTCP, two paths", MPTCP, True)):
            with paths(both=both):
                results = [fetch(protocol, network.SERVER[1]) for _ in range(3)]
            claim(all(self.whole(r) for r in results), f"{name}: the message comes whole")
            rates[name] = [round(self.rate(r), 2) for r in results]
            say(f"      {name}: {', '.join(f'{r:.1f}' for r in rates[name])} Mbit/s")
        ratio = statistics.median(rates["MPTCP, two paths"]) / statistics.median(rates["MPTCP, one path"])
        claim(ratio >= 1.6, f"two paths carry {ratio:.2f} times what one does (at least 1.6)")
        self.figures["throughput_mbit"] = rates
        self.figures["two_to_one"] = round(ratio, 2)

    def cuts(self, name, cut, bound=None):
        say(f"\nThe first path {name} at the half, {CUTS} times:")
        stalls = []
        for n in range(CUTS):
            with paths():
                result = fetch(MPTCP, network.SERVER[1], cut=cut)
            claim(self.whole(result), f"MPTCP: the message comes whole; longest stall {result.longest_stall:.2f} s")
            stalls.append(round(result.longest_stall, 3))
            if not n:
                plot(f"mptcp-{cut.__name__}", result)
                self.figures.setdefault("cut_at", {})[f"mptcp-{cut.__name__}"] = round(result.cut, 3)
        median = statistics.median(stalls)
        if bound:
            claim(median < bound, f"longest stall, the median: {median:.2f} s (below {bound})")
        else:
            say(f"      longest stall, the median: {median:.2f} s")
        self.figures[f"stalls_{cut.__name__}"] = stalls
        with paths():
            result = fetch(socket.IPPROTO_TCP, network.SERVER[1], cut=cut)
        plot(f"tcp-{cut.__name__}", result)
        self.figures["cut_at"][f"tcp-{cut.__name__}"] = round(result.cut, 3)
        claim(not result.complete, f"TCP: hangs; after {GIVE_UP} s without a byte we gave up, "
              f"{result.points[-1][1] * 100 // result.size} % were there")

    def families(self):
        """Starts on IPv4; the other path has only IPv6."""
        say("\nAn IPv4 path is lost, the other has IPv6 alone:")
        with paths(socket.AF_INET6):
            result = fetch(MPTCP, f"::ffff:{network.SERVER[1]}", socket.AF_INET6, network.cut_silently)
        claim(self.whole(result), f"an IPv6 socket goes on; longest stall {result.longest_stall:.2f} s")
        self.figures["v4_to_v6_stall"] = round(result.longest_stall, 3)
        with paths(socket.AF_INET6):
            result = fetch(MPTCP, network.SERVER[1], socket.AF_INET, network.cut_silently)
        claim(not result.complete, "an IPv4 socket has no IPv6 path: hangs")


def verdict():
    say()
    say(f"{len(failures)} claims failed" if failures else "all claims hold")
    return 1 if failures else 0


def main():
    measured = Measured(*start_dovecot())
    measured.throughput()
    measured.cuts("loses everything silently", network.cut_silently)
    measured.cuts("is set down", network.cut_by_link_down, bound=1)
    measured.families()
    measured.figures.update(kernel=platform.release(), message=measured.size, rate=network.RATE,
                            delay=network.DELAY, queue=network.QUEUE)
    with open(f"{OUT}/paths.json", "w", encoding="ascii") as f:
        json.dump(measured.figures, f, indent=1)
        f.write("\n")
    return verdict()


if __name__ == "__main__":
    sys.exit(main())
