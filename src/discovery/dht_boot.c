/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "discovery/dht_boot.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <unistd.h>

#include "codec/multiaddr.h"
#include "discovery/dht.h"

/* Descriptors that OpenDHT opens, with some to spare */
#define FDS_RESERVED 16

struct cdx_dht_boot {
	const struct cdx_log *log; /* immutable, as what follows */
	cdx_dht_boot_fn *fn;
	void *arg;
	unsigned n;
	struct cdx_maddr host[CDX_DHT_BOOTSTRAP_MAX];
	pthread_t thread;
	pthread_mutex_t mu;
	pthread_cond_t cond;
	bool wanted; /* guarded by mu */
	bool quit;   /* guarded by mu */
};

static bool quits(struct cdx_dht_boot *b)
{
	bool quit;

	(void)pthread_mutex_lock(&b->mu);
	quit = b->quit;
	(void)pthread_mutex_unlock(&b->mu);
	return quit;
}

static void look_up(struct cdx_dht_boot *b, const struct cdx_maddr *host)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
					      .ai_socktype = SOCK_DGRAM};
	struct addrinfo *list = NULL;
	char port[8];
	int rc;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)host->port);
	rc = getaddrinfo(host->host, port, &hints, &list);
	if (rc != 0) {
		cdx_log(b->log, WARN, "discovery",
			"bootstrap node %s: %s; trying again while nobody else "
			"is known",
			host->host, gai_strerror(rc));
		return;
	}
	for (struct addrinfo *a = list; a && !quits(b); a = a->ai_next)
		b->fn(b->arg, a->ai_addr, a->ai_addrlen);
	freeaddrinfo(list);
}

static void *boot_main(void *arg)
{
	struct cdx_dht_boot *b = arg;

	for (;;) {
		(void)pthread_mutex_lock(&b->mu);
		while (!b->wanted && !b->quit)
			(void)pthread_cond_wait(&b->cond, &b->mu);
		b->wanted = false;
		(void)pthread_mutex_unlock(&b->mu);
		for (unsigned i = 0; i < b->n; i++) {
			if (quits(b))
				return NULL;
			look_up(b, &b->host[i]);
		}
	}
}

int cdx_dht_boot_new(struct cdx_dht_boot **out, const char *const *hosts,
		     unsigned n, const struct cdx_log *log, cdx_dht_boot_fn *fn,
		     void *arg)
{
	struct cdx_dht_boot *b;
	int rc;

	*out = NULL;
	if (n == 0 || n > CDX_DHT_BOOTSTRAP_MAX)
		return -EINVAL;
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->log = log;
	b->fn = fn;
	b->arg = arg;
	b->n = n;
	b->wanted = true;
	for (unsigned i = 0; i < n; i++) {
		/* of what people write, HOST:PORT alone */
		if (hosts[i][0] == '/' ||
		    cdx_maddr_parse(&b->host[i], hosts[i]) < 0) {
			free(b);
			return -EINVAL;
		}
	}
	(void)pthread_mutex_init(&b->mu, NULL);
	(void)pthread_cond_init(&b->cond, NULL);
	rc = pthread_create(&b->thread, NULL, boot_main, b);
	if (rc != 0) {
		(void)pthread_cond_destroy(&b->cond);
		(void)pthread_mutex_destroy(&b->mu);
		free(b);
		return -rc;
	}
	*out = b;
	return 0;
}

void cdx_dht_boot_wake(struct cdx_dht_boot *b)
{
	(void)pthread_mutex_lock(&b->mu);
	b->wanted = true;
	(void)pthread_cond_signal(&b->cond);
	(void)pthread_mutex_unlock(&b->mu);
}

void cdx_dht_boot_free(struct cdx_dht_boot *b)
{
	if (!b)
		return;
	(void)pthread_mutex_lock(&b->mu);
	b->quit = true;
	(void)pthread_cond_signal(&b->cond);
	(void)pthread_mutex_unlock(&b->mu);
	(void)pthread_join(b->thread, NULL);
	(void)pthread_cond_destroy(&b->cond);
	(void)pthread_mutex_destroy(&b->mu);
	free(b);
}

/* ---- ports */

int cdx_dht_port_check(uint16_t port)
{
	struct sockaddr_in any = {.sin_family = AF_INET,
				  .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err = 0;

	if (fd < 0)
		return errno == EAFNOSUPPORT ? 0 : -errno;
	if (fd + FDS_RESERVED >= FD_SETSIZE)
		err = -EMFILE;
	else if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0)
		err = -errno;
	(void)close(fd);
	return err;
}

void cdx_dht_port_forget(const char *state)
{
	static const char suffix[] = "_port.txt";
	char *path = malloc(strlen(state) + sizeof(suffix));

	if (!path)
		return;
	(void)stpcpy(stpcpy(path, state), suffix);
	(void)unlink(path);
	free(path);
}
