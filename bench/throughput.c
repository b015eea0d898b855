// SPDX-License-Identifier: GPL-2.0-only
/*
 * One thread sends and receives, and the clock is its processor time, so other activity
 * on the machine matters little. The connection continues while the program is attached
 * and detached: slices with and without it alternate.
 */
#include "throughput.h"
#include "measure.h"
#include "place.h"

#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE 5e6 /* nanoseconds */
#define PIECE (128 * 1024) /* as much as iperf3 writes at once */

struct ends {
	int client, server;
};

/* Returns bytes per second, over some time. */
static double run(const struct ends *ends, double time)
{
	static char piece[PIECE];
	double begin = cpu_time(), spent;
	double bytes = 0;

	do {
		for (int i = 0; i < 8; i++) {
			ssize_t n = send(ends->client, piece, sizeof(piece), MSG_DONTWAIT);

			if (n < 0)
				n = 0; /* the socket is full; the reads below make room */
			bytes += (double)n;
			while (recv(ends->server, piece, sizeof(piece), MSG_DONTWAIT) > 0)
				;
		}
		spent = cpu_time() - begin;
	} while (spent < time);
	return bytes / spent * 1e9;
}

static void slice(const struct ends *ends, int prog)
{
	int link = prog < 0 ? -1 : attach(prog, "b0");

	run(ends, SLICE / 10);
	say("throughput", prog < 0 ? "none" : "strip", run(ends, SLICE));
	if (link >= 0)
		close(link);
}

void throughput(int prog, int pairs)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(5201) };
	struct ends ends;
	int listener;

	inet_pton(AF_INET, "10.4.0.2", &to.sin_addr);
	place_go(PEER);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(listener, (struct sockaddr *)&to, sizeof(to)) || listen(listener, 1))
		err(1, "listen");
	place_go(HERE);
	ends.client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(ends.client, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect");
	ends.server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (ends.server < 0)
		err(1, "accept");
	run(&ends, 50 * SLICE);
	for (int i = 0; i < pairs; i++) {
		slice(&ends, i % 2 ? prog : -1);
		slice(&ends, i % 2 ? -1 : prog);
	}
	close(ends.client);
	close(ends.server);
	close(listener);
}
