#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Turns the samples of mail_part.py into the part `mail` of bench/page.

rows.py SAMPLES.json: prints it."""

import json
import statistics
import sys

TARGETS = {"smtp": 1.01, "imap": 1.01, "front": 1.015, "proxy": 1.03}
OF_NATIVE = 1.05  # limit for MPTCP clients, compared with nginx's own multipath
HOW = ("One guest with one emulated processor, whose clock counts instructions (1 ns each): a transaction takes "
       "what client, kernel and server together execute for it. {rounds} rounds; in each the servers are started "
       "anew, not attached, with nginx's own multipath, attached, and clients in a network namespace behind a veth "
       "do one transaction after the other: smtp-source (a connection for each message of 1 kB), and for IMAP a "
       "load generator of our own, as imaptest is not in Debian. A value is the instructions for a transaction "
       "against those of plain TCP clients of servers that are not attached, in the same round. The servers do "
       "little else, so that what is added shows: Postfix discards, Dovecot keeps its processes, what is behind "
       "'nginx alone' says OK to everything; queues and mailboxes are in memory, nothing is logged. That the "
       "listener, both ends of each connection and the kernel's counters are what a row says is checked. Debian "
       "sid's {versions}.")


class Part:
    def __init__(self, found):
        self.found, self.samples, self.rows = found, found["samples"], []

    def all(self, condition, load, protocol="tcp"):
        return self.samples[f"{condition} {load} {protocol}"]

    def ns(self, *which):
        return statistics.median(self.all(*which))

    def more(self, *which):
        """Thousands of instructions more than not attached."""
        return (self.ns(*which) - self.ns("plain", which[1])) / 1000

    def row(self, name, what, condition, load, protocol="tcp", target=None, why=None):
        which = condition, load, protocol
        ratios = [ns / base for ns, base in zip(self.all(*which), self.all("plain", load))]
        value = statistics.median(ratios)
        met = None if target is None else value <= target
        raw = (f"{1e9 / self.ns(*which):.0f} of {1e9 / self.ns('plain', load):.0f} {what}/s, "
               f"{self.more(*which):+.1f} k instructions each")
        self.rows.append({
            "name": name, "value": round(value, 4), "unit": "× not attached", "raw": raw,
            "spread": round((max(ratios) - min(ratios)) / value, 4), "target": target, "met": met,
            "why": f"{(value - target) * 100:.1f} % too much: {why}" if met is False else None})

    def row_of_native(self, name):
        ratios = [ns / base for ns, base in zip(self.all("listed", "proxy", "mptcp"),
                                                self.all("native", "proxy", "mptcp"))]
        value = statistics.median(ratios)
        self.rows.append({
            "name": name, "value": round(value, 4), "unit": "× its own multipath",
            "raw": f"{(self.ns('listed', 'proxy', 'mptcp') - self.ns('native', 'proxy', 'mptcp')) / 1000:+.1f} k "
                   "instructions each",
            "spread": round((max(ratios) - min(ratios)) / value, 4), "target": OF_NATIVE, "met": value <= OF_NATIVE,
            "why": None if value <= OF_NATIVE else f"{(value - OF_NATIVE) * 100:.1f} % too much: what upgrade and strip "
                   "add to a socket"})


def explain_listener(part, condition, load):
    return (f"{part.more(condition, load):.1f} k instructions more. A session without a login at nginx, which is the "
            f"listener and little else, takes {part.more(condition, 'greet'):.1f} k more, and with nginx's own "
            f"multipath and no tool there {part.more('native', 'greet'):.1f} k")


def make(found):
    part = Part(found)
    lists = ("listed", "on the list"), ("off", "off the list")
    ways = *lists, ("native", "its own multipath")
    for load, server, what in (("smtp", "Postfix", "transactions"), ("imap", "Dovecot", "logins"),
                               ("front", "nginx before Dovecot", "logins"), ("proxy", "nginx alone", "logins")):
        for condition, where in lists:
            part.row(f"{server}, {where}", what, condition, load, target=TARGETS[load],
                     why=explain_listener(part, condition, load))
    for condition, where in ways[2:]:
        part.row(f"nginx before Dovecot, {where}", "logins", condition, "front")
    part.row("nginx alone, its own multipath", "logins", "native", "proxy")
    for condition, where in ways:
        part.row(f"nginx alone, {where}, no login", "sessions", condition, "greet")
    part.row("Dovecot, 5 MB fetched, on the list", "fetches", "listed", "fetch")
    for load, server, what, condition, where in (
            ("smtp", "Postfix", "transactions", *lists[0]), ("imap", "Dovecot", "logins", *lists[0]),
            ("proxy", "nginx alone", "logins", *lists[0]), ("proxy", "nginx alone", "logins", *ways[2]),
            ("fetch", "Dovecot, 5 MB fetched", "fetches", *lists[0])):
        part.row(f"MPTCP clients: {server}, {where}", what, condition, load, "mptcp")
    part.row_of_native("MPTCP clients: nginx alone, on the list, of its own multipath")
    versions = ", ".join(f"{name.capitalize() if name != 'nginx' else name} {version}"
                         for name, version in found["versions"].items())
    rounds = len(part.all("plain", "smtp"))
    return {"part": "mail", "title": "What a mail server notices", "how": HOW.format(versions=versions, rounds=rounds),
            "kernel": found["kernel"], "rows": part.rows, "plots": []}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as samples:
        print(json.dumps(make(json.load(samples)), indent=1, ensure_ascii=False))
