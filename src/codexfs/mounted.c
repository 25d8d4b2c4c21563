/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "codexfs/mounted.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifdef HAVE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "api/api.h"
#include "api/rest.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"
#include "codexfs/daemon.h"
#include "fs/fs.h"
#include "net/server.h"
#include "node/node.h"
#include "node/peers.h"

/* Pages the kernel reads ahead of a sequential reader; libfuse cannot raise
 * it above 128 KiB. */
#define READ_AHEAD_KB 1024

struct mounted {
	const struct mounted_args *args;
	struct cdx_node node;
	struct cdx_api api;
	struct cdx_server *server;
	struct cdx_rest *rest;
	struct cdx_fs *fs;
	int ready_fd;
	pthread_t ready_thread;
	bool ready_started;
};

static void tell(struct mounted *m, char sign, const char *text)
{
	daemon_tell(&m->ready_fd, sign, text);
}

static void raise_read_ahead(dev_t dev)
{
	CDX_CLEANUP(cdx_closep) int fd = -1;
	char path[96];
	char value[16];

	snprintf(path, sizeof(path), "/sys/class/bdi/%u:%u/read_ahead_kb",
		 major(dev), minor(dev));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* not root: the default stays */
	snprintf(value, sizeof(value), "%d", READ_AHEAD_KB);
	(void)!cdx_write_full(fd, value, strlen(value));
}

/* Waits until the mount answers, then says so.  A thread of its own: the
 * question is answered by this very process. */
static void *ready_main(void *arg)
{
	struct mounted *m = arg;
	struct statfs sf;
	struct stat st;

	if (stat(m->args->mountpoint, &st) < 0 ||
	    statfs(m->args->mountpoint, &sf) < 0) {
		char text[128];

		snprintf(text, sizeof(text), "the mount does not answer: %s",
			 strerror(errno));
		tell(m, '-', text);
		return NULL;
	}
	/* libfuse may give up after INIT: then this is the bare directory,
	 * and mounted_run says so when the loop ends */
	if (sf.f_type != FUSE_SUPER_MAGIC || st.st_ino != CDX_ROOT_INO)
		return NULL;
	raise_read_ahead(st.st_dev);
	cdx_log(m->args->log, INFO, "mount", "%s is mounted on %s",
		m->args->store, m->args->mountpoint);
	if (m->ready_fd >= 0) {
		daemon_drop_terminal(m->args->log->target == CDX_LOG_TO_STDERR);
		tell(m, '+', "");
	}
#ifdef HAVE_SYSTEMD
	sd_notify(0, "READY=1\nSTATUS=mounted");
#endif
	return NULL;
}

static void on_init(void *arg)
{
	struct mounted *m = arg;

	if (pthread_create(&m->ready_thread, NULL, ready_main, m) == 0)
		m->ready_started = true;
}

static int open_node(struct mounted *m)
{
	const struct mounted_args *a = m->args;
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_node_opts o = {
		.path = a->store,
		.keys = a->keys,
		.log = a->log,
		.conf_file = a->conf->file,
		.conf = &a->conf->options,
		.peers = cdx_conf_wants_peers(&a->conf->node) ? &a->conf->node
							      : NULL,
		.market = &a->conf->market,
		/* a busy port must not take away somebody's home folder */
		.alone_too = !a->conf->of_node,
		.readonly = a->options->readonly,
		.noatime = a->options->noatime,
		.sync_write = a->options->sync_write,
		.kernel_times =
			a->options->writeback && !a->options->sync_write,
		.commit_ms = a->options->commit_s * 1000,
		.seal_age_s = a->options->seal_age_s,
	};
	int rc = cdx_node_open(&m->node, &o, error);

	if (rc < 0) {
		tell(m, '-', error);
		return rc;
	}
	cdx_api_init(&m->api, &m->node);
	m->api.mountpoint = a->mountpoint;
	m->api.log = a->log;
	return 0;
}

static void flush_kernel(void *arg)
{
	cdx_fs_flush(arg);
}

/* After the mount, so that a sync can ask the kernel, and before anybody is
 * told that it is ready. */
static int serve_control(struct mounted *m)
{
	int rc;

	m->api.flush = flush_kernel;
	m->api.flush_arg = m->fs;
	rc = cdx_server_unix(&m->server, cdx_store_dirfd(m->node.store),
			     "control.sock", cdx_api_call, &m->api);
	if (rc < 0)
		tell(m, '-', "cannot make the control socket in the store");
	return rc;
}

/* REST, where it is asked for.  Who has it in the configuration only is mounted
 * without, too. */
static int serve_rest(struct mounted *m)
{
	const struct cli_conf *conf = m->args->conf;
	char why[CDX_REST_WHY_MAX];
	int rc;

	if (conf->api.listen == NULL)
		return 0;
	rc = cdx_rest_new(&m->rest, &m->api, &conf->api, why);
	if (rc < 0 && !conf->of_node) {
		cdx_log(m->args->log, ERROR, "mount", "there is no REST: %s",
			why);
		return 0;
	}
	if (rc < 0)
		tell(m, '-', why);
	return rc;
}

static int do_mount(struct mounted *m)
{
	const struct mounted_args *a = m->args;
	const struct mount_options *mo = a->options;
	CDX_CLEANUP(cdx_freep) char *kernel = NULL;
	struct cdx_fs_opts o = {
		.volume = m->node.volume,
		.store = m->node.store,
		.exchange = m->node.peers == NULL
				    ? NULL
				    : cdx_peers_exchange(m->node.peers),
		.log = a->log,
		.source = a->store,
		.mountpoint = a->mountpoint,
		.readonly = mo->readonly,
		.allow_other = mo->allow_other,
		.auto_unmount = mo->auto_unmount,
		.writeback = mo->writeback && !mo->sync_write,
		.clone_fd = mo->clone_fd,
		.force_uid = mo->force_uid,
		.force_gid = mo->force_gid,
		.uid = mo->uid,
		.gid = mo->gid,
		.threads = mo->threads,
		.status = cdx_api_status_text,
		.status_arg = &m->api,
		.ready = on_init,
		.ready_arg = m,
	};
	int rc;

	if (mo->kernel.len > 0) {
		kernel = strndup((const char *)mo->kernel.p, mo->kernel.len);
		if (kernel == NULL)
			return -ENOMEM;
		o.kernel_options = kernel;
	}
	rc = cdx_fs_mount(&m->fs, &o);
	if (rc < 0)
		tell(m, '-',
		     "the mount was refused (is /dev/fuse there, and are you "
		     "allowed to mount here?)");
	return rc;
}

int mounted_run(const struct mounted_args *args)
{
	struct mounted m = {.args = args, .ready_fd = args->ready_fd};
	int rc = open_node(&m);
	int rc2;

	/* before somebody may be told that it is mounted */
	if (rc == 0)
		rc = serve_rest(&m);
	if (rc == 0)
		rc = do_mount(&m);
	if (rc == 0)
		rc = serve_control(&m);
	if (rc == 0) {
		rc = cdx_fs_run(m.fs);
		if (rc < 0)
			cdx_log(args->log, ERROR, "mount", "serving failed: %s",
				cdx_strerror(rc));
	}
#ifdef HAVE_SYSTEMD
	sd_notify(0, "STOPPING=1");
#endif
	/* first the calls that use the mount, then the mount */
	atomic_store(&m.api.stopping, true);
	cdx_rest_free(m.rest);
	cdx_server_free(m.server);
	cdx_fs_free(m.fs);
	if (m.ready_started)
		pthread_join(m.ready_thread, NULL);
	cdx_api_end(&m.api);
	rc2 = cdx_node_close(&m.node);
	if (rc2 < 0)
		cdx_log(args->log, ERROR, "mount",
			"the last changes could not be written: %s",
			cdx_strerror(rc2));
	else if (rc == 0)
		cdx_log(args->log, INFO, "mount", "%s is unmounted, clean",
			args->store);
	/* died before it was mounted: whoever waits must hear of it */
	if (m.ready_fd >= 0)
		tell(&m, '-', "the mount ended before it answered");
	return cdx_err_exit(rc < 0 ? rc : rc2);
}
