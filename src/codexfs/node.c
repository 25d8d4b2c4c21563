/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "api/rest.h"
#include "base/err.h"
#include "codexfs/cli.h"
#include "codexfs/conf_opts.h"
#include "codexfs/daemon.h"
#include "crypto/hash.h"
#include "net/server.h"

static const char help[] =
	"Usage: codexfs node [options] [STORE]\n\n"
	"Makes a store a node among others, without a mount: it finds, fetches,\n"
	"keeps and serves datasets, and answers REST.  Returns when it answers.\n\n"
	"  -f, --foreground      stay in the foreground, log to stderr\n"
	"  --log-file FILE       append the log to this file\n" CLI_CONF_HELP
	"\n" CLI_COMMON_HELP
	"\nEnd it with `codexfs umount STORE` or SIGTERM: each ends in a clean\n"
	"commit.  Without options it listens on 0.0.0.0:8070, for REST on\n"
	"127.0.0.1:8080.\n";

enum {
	OPT_LOG_FILE = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CONF_OPTIONS,
	{"foreground", no_argument, NULL, 'f'},
	{"log-file", required_argument, NULL, OPT_LOG_FILE},
	{0},
};

struct node_args {
	struct cli_common common;
	struct cli_conf conf;
	bool foreground;
	const char *log_file;
	char *store;	 /* absolute */
	char *conf_file; /* absolute; NULL: its usual places */
	const struct cdx_keyfile *keys;
};

/* ---- the process ---- */

struct running {
	struct node_args *a;
	struct cdx_node node;
	struct cdx_api api;
	struct cdx_server *server;
	struct cdx_rest *rest;
	int ready_fd;
};

static int open_node(struct running *r)
{
	const struct node_args *a = r->a;
	char error[CDX_NODE_ERROR_MAX];
	const struct cdx_node_opts o = {
		.path = a->store,
		.keys = a->keys,
		.log = &a->common.log,
		.conf_file = a->conf_file,
		.conf = &a->conf.options,
		.peers = &a->conf.node,
		.market = &a->conf.market,
	};
	int rc = cdx_node_open(&r->node, &o, error);

	if (rc < 0) {
		daemon_tell(&r->ready_fd, '-', error);
		return rc;
	}
	cdx_api_init(&r->api, &r->node);
	r->api.log = &r->a->common.log;
	return 0;
}

static int serve(struct running *r)
{
	const struct cdx_conf_api *conf = &r->a->conf.api;
	char why[CDX_REST_WHY_MAX];
	int rc = cdx_server_unix(&r->server, cdx_store_dirfd(r->node.store),
				 "control.sock", cdx_api_call, &r->api);

	if (rc < 0) {
		daemon_tell(&r->ready_fd, '-',
			    "cannot make the control socket in the store");
		return rc;
	}
	if (conf->listen == NULL)
		return 0;
	rc = cdx_rest_new(&r->rest, &r->api, conf, why);
	if (rc < 0)
		daemon_tell(&r->ready_fd, '-', why);
	return rc;
}

static void tell_ready(struct running *r)
{
	cdx_log(&r->a->common.log, INFO, "node", "%s is a node now",
		r->a->store);
	if (r->ready_fd >= 0) {
		daemon_drop_terminal(r->a->log_file != NULL);
		daemon_tell(&r->ready_fd, '+', "");
	}
#ifdef HAVE_SYSTEMD
	sd_notify(0, "READY=1\nSTATUS=serving");
#endif
}

/* The signals that end it are blocked from before there are threads, which all
 * have them blocked then: they wait here. */
static int run(void *arg, int ready_fd)
{
	struct running r = {.a = arg, .ready_fd = ready_fd};
	sigset_t ends;
	int got;
	int rc;
	int rc2;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	rc = open_node(&r);
	if (rc == 0)
		rc = serve(&r);
	if (rc == 0) {
		tell_ready(&r);
		while (sigwait(&ends, &got) != 0)
			;
	}
#ifdef HAVE_SYSTEMD
	sd_notify(0, "STOPPING=1");
#endif
	atomic_store(&r.api.stopping, true);
	cdx_rest_free(r.rest);
	cdx_server_free(r.server);
	cdx_api_end(&r.api);
	rc2 = cdx_node_close(&r.node);
	if (rc2 < 0)
		cdx_log(&r.a->common.log, ERROR, "node",
			"the last changes could not be written: %s",
			cdx_strerror(rc2));
	else if (rc == 0)
		cdx_log(&r.a->common.log, INFO, "node", "%s is closed, clean",
			r.a->store);
	if (r.ready_fd >= 0)
		daemon_tell(&r.ready_fd, '-',
			    "the node ended before it "
			    "answered");
	return cdx_err_exit(rc < 0 ? rc : rc2);
}

/* ---- before it ---- */

static int find_store(struct node_args *a, const char *store)
{
	int rc;

	a->store = realpath(store, NULL);
	if (a->store != NULL)
		return 0;
	rc = -errno;
	cli_error("%s is not a codexfs store: %s; make one with: codexfs init "
		  "%s",
		  store, strerror(-rc), store);
	return rc;
}

/* For a process that moves to another folder */
static int load_config(struct node_args *a)
{
	const char *name =
		a->conf.file != NULL ? a->conf.file : getenv("CODEXFS_CONFIG");
	char why[CDX_CONF_WHY_MAX];
	int rc;

	if (name != NULL && name[0] != '\0') {
		a->conf_file = cdx_conf_absolute(name);
		if (a->conf_file == NULL)
			return -ENOMEM;
		a->conf.file = a->conf_file;
	}
	rc = cli_conf_load(&a->conf, a->store, true, why);
	if (rc < 0)
		cli_error("%s", why);
	return rc;
}

static int start(struct node_args *a, const char *store)
{
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_keyfile keys;
	int rc = find_store(a, store);

	if (rc < 0)
		return cdx_err_exit(rc);
	if (load_config(a) < 0)
		return CLI_USAGE;
	/* keys first: the terminal is ours now, and a daemon has none */
	rc = cdx_node_keys(&keys, a->store, a->common.node.key_file,
			   a->common.node.password_file, error);
	if (rc < 0) {
		cli_error("%s", error);
		return cdx_err_exit(rc);
	}
	a->keys = &keys;
	rc = a->foreground ? run(a, -1)
			   : daemon_start(&a->common.log, a->log_file, "node",
					  run, a);
	cdx_wipe(&keys, sizeof(keys));
	return rc;
}

int verb_node(int argc, char **argv)
{
	struct node_args a = {0};
	const char *store;
	int status = 0;
	int opt;
	int left;

	cli_common_init(&a.common);
	a.common.log.level = CDX_LOG_INFO;
	while (status == 0 &&
	       (opt = getopt_long(argc, argv, "hf", options, NULL)) != -1) {
		if (opt == 'f')
			a.foreground = true;
		else if (opt == OPT_LOG_FILE)
			a.log_file = optarg;
		else if (cli_common_option(&a.common, opt, help) == 0 &&
			 cli_conf_option(&a.conf, opt) < 0)
			status = CLI_USAGE;
	}
	left = argc - optind;
	store = left == 1 ? argv[optind] : a.common.store;
	if (status == 0 && (left > 1 || store == NULL)) {
		fputs(help, stderr);
		status = CLI_USAGE;
	}
	if (status == 0)
		status = start(&a, store);
	cli_conf_free(&a.conf);
	free(a.conf_file);
	free(a.store);
	return status;
}
