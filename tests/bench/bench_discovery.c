/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"
#include "discovery/discovery.h"

/*
 * What it costs to keep datasets announced: memory, and the processor's time of an
 * otherwise idle node.  The other nodes of the DHT are in a process of their own.
 * The refresh is eight times as fast as usual, so that all is put within a minute;
 * the processor's time is given for the usual one.  CDX_COUNT: datasets.
 */

#define OTHERS 16u
#define USUAL_S 480u
#define REFRESH_S 60u
#define WATCH_S 20u
#define FILL_MAX_S 400u
#define MIB (1024.0 * 1024.0)
#define S_NS UINT64_C(1000000000)

static void die(const char *what)
{
	fprintf(stderr, "%s\n", what);
	exit(1);
}

static struct cdx_discovery *node(struct cdx_loop *loop, uint32_t number,
				  uint16_t bootstrap)
{
	struct cdx_identity who;
	struct cdx_discovery *d;
	struct cdx_maddr addr;
	char text[32];
	struct cdx_discovery_opts o = {
		.loop = loop, .who = &who, .dht = true, .refresh_s = REFRESH_S};

	memset(&who, 0, sizeof(who));
	who.key.b[0] = 1;
	memcpy(who.key.b + 1, &number, sizeof(number));
	if (cdx_seckey_public(who.id.b, &who.key) < 0)
		die("no key");
	cdx_network_of(&who.network, "bench");
	(void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)bootstrap);
	if (bootstrap) {
		o.bootstrap[0] = text;
		o.n_bootstrap = 1;
	}
	if (cdx_discovery_new(&d, &o) < 0 ||
	    cdx_maddr_parse(&addr, "192.0.2.1:8070") < 0)
		die("no discovery: is it built with OpenDHT?");
	cdx_discovery_place(d, &addr, 1, NULL);
	return d;
}

static void stop(void *arg)
{
	cdx_loop_stop(arg);
}

static void run_ms(struct cdx_loop *loop, unsigned ms)
{
	struct cdx_loop_timer *t;

	if (cdx_loop_timer_add(loop, &t, ms * UINT64_C(1000000), 0, stop,
			       loop) < 0 ||
	    cdx_loop_run(loop) < 0)
		die("the loop");
	cdx_loop_timer_del(t);
}

/* The rest of the world; says its port when it is there */
static void others(int fd)
{
	struct cdx_loop *loop;
	struct cdx_discovery_stats st;

	if (cdx_loop_new(&loop) < 0)
		die("no loop");
	cdx_discovery_stats(node(loop, 1, 0), &st);
	for (uint32_t i = 1; i < OTHERS; i++)
		(void)node(loop, 1 + i, st.port);
	run_ms(loop, 4000);
	if (write(fd, &st.port, sizeof(st.port)) != sizeof(st.port))
		die("the pipe");
	(void)!cdx_loop_run(loop);
}

static double rss(void)
{
	FILE *f = fopen("/proc/self/statm", "r");
	unsigned long all;
	unsigned long resident;

	if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
		die("statm");
	(void)fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / MIB;
}

static double cpu(void)
{
	struct rusage r;

	(void)getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void announce(struct cdx_discovery *d, unsigned long datasets)
{
	for (unsigned long i = 0; i < datasets; i++) {
		struct cdx_digest h;
		struct cdx_cid cid;

		cdx_sha256(&h, &i, sizeof(i));
		cid = cdx_cid_sha256(CDX_CODEC_MANIFEST, &h);
		if (cdx_discovery_announce(d, &cid, CDX_HOLDS_ALL, NULL) < 0)
			die("no memory");
		cid = cdx_cid_sha256(CDX_CODEC_ROOT, &h);
		if (cdx_discovery_announce(d, &cid, CDX_HOLDS_ALL, NULL) < 0)
			die("no memory");
	}
}

static void measure(uint16_t port, unsigned long datasets)
{
	struct cdx_discovery_stats st;
	struct cdx_discovery_stats after;
	struct cdx_discovery *d;
	struct cdx_loop *loop;
	double mib;
	double used;
	double wall;
	uint64_t start;
	double puts;

	if (cdx_loop_new(&loop) < 0)
		die("no loop");
	d = node(loop, 1000, port);
	run_ms(loop, 3000);
	mib = rss();
	start = cdx_clock_mono_ns();
	announce(d, datasets);
	do {
		run_ms(loop, 200);
		cdx_discovery_stats(d, &st);
	} while (st.puts < st.keys &&
		 cdx_clock_mono_ns() - start < FILL_MAX_S * S_NS);
	if (st.puts < st.keys)
		die("not all was put in time");
	printf("%-34s %10.1f\n", "seconds to put all once",
	       (double)(cdx_clock_mono_ns() - start) / 1e9);
	start = cdx_clock_mono_ns();
	used = cpu();
	cdx_discovery_stats(d, &st);
	run_ms(loop, WATCH_S * 1000);
	cdx_discovery_stats(d, &after);
	wall = (double)(cdx_clock_mono_ns() - start) / 1e9;
	used = cpu() - used;
	puts = (double)(after.puts - st.puts);
	if (puts < 1)
		die("nothing was put");
	mib = rss() - mib;
	printf("%-34s %10lu\n", "datasets", datasets);
	printf("%-34s %10.1f\n", "puts a second, as due",
	       (double)st.keys / USUAL_S);
	printf("%-34s %10.1f\n", "puts a second, as measured", puts / wall);
	printf("%-34s %10.3f\n", "ms of processor a put", used / puts * 1e3);
	printf("%-34s %10.2f  of 5: %.2f\n", "% of a core",
	       used / puts * st.keys / USUAL_S * 100,
	       used / puts * st.keys / USUAL_S * 100 / 5);
	printf("%-34s %10.1f  of 200: %.2f\n", "MiB", mib, mib / 200);
	printf("%-34s %10lu\n", "puts that nobody took",
	       (unsigned long)after.put_errors);
	cdx_discovery_free(d);
	cdx_loop_free(loop);
}

int main(void)
{
	const char *count = getenv("CDX_COUNT");
	unsigned long datasets = count ? strtoul(count, NULL, 10) : 10000;
	uint16_t port;
	int fd[2];
	pid_t pid;

#ifndef HAVE_OPENDHT
	puts("built without OpenDHT");
	return 77;
#endif
	if (pipe(fd) < 0)
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		/* however this one ends */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		others(fd[1]);
		_exit(1);
	}
	(void)close(fd[1]);
	if (read(fd[0], &port, sizeof(port)) != sizeof(port))
		die("the other nodes did not start");
	measure(port, datasets);
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return 0;
}
