#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""The samples of mail_part.py as the part `mail` of bench/page.

rows.py SAMPLES.json: prints it."""

import json
import statistics
import sys

TARGET = 1.03
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
        """Thousands of instructions over not attached."""
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


def explain_listener(part, condition, load):
    return (f"{part.more(condition, load):.1f} k instructions more. A session without a login at nginx, which is the "
            f"listener and little else, takes {part.more(condition, 'greet'):.1f} k more, and with nginx's own "
            f"multipath and no tool there {part.more('native', 'greet'):.1f} k")


def explain_proxy(part, condition, load):
    fallback = (part.ns("plain", "greet", "mptcp") - part.ns("plain", "greet")) / 1000
    return (f"{part.more(condition, load):.1f} k instructions more. For each login nginx makes two connections of its "
            f"own, to ask the way and to the server behind; their sockets, too, are MPTCP until the port is known, and "
            f"fall back. Where there is no tool, a client that falls back takes {fallback:.1f} k more than one of "
            f"plain TCP: twice that is {2 * fallback:.1f} k. The listener takes {part.more(condition, 'greet'):.1f} k, "
            "by the sessions without a login")


def make(found):
    part = Part(found)
    lists = ("listed", "on the list"), ("off", "off the list")
    ways = *lists, ("native", "its own multipath")
    for load, server, what, explain in (("smtp", "Postfix", "transactions", explain_listener),
                                        ("imap", "Dovecot", "logins", explain_listener),
                                        ("front", "nginx before Dovecot", "logins", explain_proxy)):
        for condition, where in lists:
            part.row(f"{server}, {where}", what, condition, load, target=TARGET, why=explain(part, condition, load))
    for condition, where in ways[2:]:
        part.row(f"nginx before Dovecot, {where}", "logins", condition, "front")
    for condition, where in ways:
        part.row(f"nginx alone, {where}", "logins", condition, "proxy")
    for condition, where in ways:
        part.row(f"nginx alone, {where}, no login", "sessions", condition, "greet")
    part.row("Dovecot, 5 MB fetched, on the list", "fetches", "listed", "fetch")
    for load, server, what, condition, where in (
            ("smtp", "Postfix", "transactions", *lists[0]), ("imap", "Dovecot", "logins", *lists[0]),
            ("proxy", "nginx alone", "logins", *lists[0]), ("proxy", "nginx alone", "logins", *ways[2]),
            ("fetch", "Dovecot, 5 MB fetched", "fetches", *lists[0])):
        part.row(f"MPTCP clients: {server}, {where}", what, condition, load, "mptcp")
    versions = ", ".join(f"{name.capitalize() if name != 'nginx' else name} {version}"
                         for name, version in found["versions"].items())
    rounds = len(part.all("plain", "smtp"))
    return {"part": "mail", "title": "What a mail server notices", "how": HOW.format(versions=versions, rounds=rounds),
            "kernel": found["kernel"], "rows": part.rows, "plots": []}


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as samples:
        print(json.dumps(make(json.load(samples)), indent=1, ensure_ascii=False))
