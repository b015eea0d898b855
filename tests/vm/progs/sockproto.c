/* SPDX-License-Identifier: GPL-2.0-only */
/* Prints SO_PROTOCOL of a new TCP socket: what an unmodified program gets. */
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

int main(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), protocol;
	socklen_t len = sizeof(protocol);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &len)) {
		perror("sockproto");
		return 1;
	}
	printf("%d\n", protocol);
	return 0;
}
