/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * The server side of bench_serve.sh: a store with blocks of 64 KiB behind an
 * exchange server, and the same blocks as files for another one.
 *
 *   bench_serve DIR BLOCKS [HOT_MIB]
 *
 * Makes DIR/store and DIR/www/ipfs/CID, prints "PORT" and serves until its input
 * ends.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "crypto/block.h"
#include "exchange/server.h"
#include "store/block.h"
#include "store/dataset_store.h"
#include "store/leaf_page.h"
#include "store/public.h"

static void check(int rc, const char *what)
{
	if (rc >= 0)
		return;
	fprintf(stderr, "bench_serve: %s: %s\n", what, cdx_strerror(rc));
	exit(1);
}

static struct cdx_store *make_store(const char *dir, uint64_t bytes)
{
	struct cdx_store_config config = {
		.share = {4 * bytes + (64u << 20), 0, 1u << 20},
		.k = 10,
		.m = 5,
		.log_bytes = 16u << 20,
	};
	struct cdx_store_opts opts = {0};
	struct cdx_store *s;
	char path[512];
	char holder[256];

	snprintf(path, sizeof(path), "%s/store", dir);
	opts.path = path;
	check(cdx_store_init(path, &config), "init");
	check(cdx_store_open(&s, &opts, holder, sizeof(holder)), "open");
	check(cdx_store_start(s, NULL, NULL, NULL, NULL), "start");
	return s;
}

static void write_file(const char *dir, const struct cdx_digest *digest,
		       const uint8_t *p)
{
	struct cdx_cid cid = cdx_cid_sha256(CDX_CODEC_BLOCK, digest);
	char text[CDX_CID_TEXT_MAX];
	char path[512];
	FILE *f;

	cdx_cid_text(text, &cid);
	snprintf(path, sizeof(path), "%s/www/ipfs/%s", dir, text);
	f = fopen(path, "w");
	if (f == NULL || fwrite(p, CDX_BLOCK_SIZE, 1, f) != 1 ||
	    fclose(f) != 0) {
		perror(path);
		exit(1);
	}
}

/* A public dataset of random blocks, and a file of each */
static void fill(struct cdx_store *s, const char *dir, uint32_t blocks)
{
	uint8_t *block = malloc(CDX_BLOCK_SIZE);
	struct cdx_dataset_info info;
	struct cdx_digest digest;
	struct cdx_ingest *in;
	struct cdx_cid cid;
	char path[512];

	if (block == NULL)
		exit(1);
	snprintf(path, sizeof(path), "%s/www", dir);
	mkdir(path, 0755);
	snprintf(path, sizeof(path), "%s/www/ipfs", dir);
	mkdir(path, 0755);
	check(cdx_ingest_new(&in, s, NULL), "ingest");
	for (uint32_t i = 0; i < blocks; i++) {
		cdx_random(block, CDX_BLOCK_SIZE);
		cdx_sha256(&digest, block, CDX_BLOCK_SIZE);
		write_file(dir, &digest, block);
		check(cdx_ingest_feed(in, block, CDX_BLOCK_SIZE), "feed");
	}
	check(cdx_ingest_end(in, &cid), "ingest");
	cdx_ingest_free(in);
	check(cdx_public_complete(s, NULL, NULL), "rows of what is public");
	check(cdx_dataset_info(s, &cid, &info), "dataset");
	check(cdx_store_commit(s), "commit");
	cdx_cid_text(path, &cid);
	printf("dataset %s\n", path);
	free(block);
}

int main(int argc, char **argv)
{
	struct cdx_exchange_server_opts o = {.listen = "127.0.0.1:0",
					     .connections_a_peer = 512};
	struct sockaddr_storage sa;
	struct cdx_exchange_server *server;
	struct cdx_loop *loop;
	struct cdx_http *http;
	char why[256];
	uint32_t blocks;

	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	blocks = (uint32_t)strtoul(argv[2], NULL, 10);
	o.hot_bytes = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) << 20 : 0;
	o.store = make_store(argv[1], (uint64_t)blocks * CDX_BLOCK_SIZE);
	fill(o.store, argv[1], blocks);
	check(cdx_loop_new(&loop), "loop");
	check(cdx_http_new(&http, loop), "http");
	o.loop = loop;
	o.http = http;
	if (cdx_exchange_server_new(&server, &o, why) < 0) {
		fprintf(stderr, "bench_serve: %s\n", why);
		return 1;
	}
	cdx_exchange_server_addr(server, &sa);
	printf("port %u\n", ntohs(((struct sockaddr_in *)&sa)->sin_port));
	fflush(stdout);
	while (getchar() != EOF)
		;
	cdx_exchange_server_free(server);
	cdx_http_free(http);
	cdx_loop_free(loop);
	check(cdx_store_close(o.store), "close");
	return 0;
}
