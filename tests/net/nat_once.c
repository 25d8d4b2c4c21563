/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"
#include "discovery/nat.h"

/* Asks the router for the port of its argument, prints what comes of it, and gives
 * it back when its input ends.  For upnp.sh. */

static void said(void *arg, const char *ip, uint16_t port, const char *why)
{
	(void)arg;
	if (ip)
		printf("%s %u\n", ip, (unsigned)port);
	else
		printf("failed: %s\n", why);
	(void)fflush(stdout);
}

static void on_input(void *arg, int fd, uint32_t events)
{
	char c;

	(void)events;
	if (read(fd, &c, 1) <= 0)
		cdx_loop_stop(arg);
}

int main(int argc, char **argv)
{
	struct cdx_loop *loop;
	struct cdx_loop_io *io;
	struct cdx_nat *nat;

	if (argc != 2 || cdx_loop_new(&loop) < 0)
		return 2;
	if (cdx_nat_new(&nat, loop, (uint16_t)strtoul(argv[1], NULL, 10), said,
			NULL) < 0) {
		puts("built without miniupnpc");
		return 77;
	}
	if (cdx_loop_io_add(loop, &io, STDIN_FILENO, EPOLLIN, on_input, loop) <
		    0 ||
	    cdx_loop_run(loop) < 0)
		return 1;
	cdx_nat_free(nat);
	cdx_loop_io_del(io);
	cdx_loop_free(loop);
	return 0;
}
