/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/io.h"
#include "codexfs/cli.h"
#include "codexfs/conf_opts.h"
#include "codexfs/daemon.h"
#include "codexfs/mount_options.h"
#include "codexfs/mounted.h"
#include "codexfs/umount.h"
#include "crypto/hash.h"
#include "fs/fs.h"

/* Exit status of a mount helper that failed (mount(8)) */
#define MOUNT_FAILED 32
/* How long to wait for the end of the last mount of the store */
#define LAST_WAIT_S UINT64_C(30)

static const char help[] =
	"Usage: codexfs mount [options] STORE MNT\n\n"
	"Mounts a store's volume and returns when it answers.  With something to\n"
	"listen on, a bootstrap or a peer it is a node among others too.\n\n"
	"  -f, --foreground      stay in the foreground, log to stderr\n"
	"  --log-file FILE       append the log to this file\n"
	"  -o OPT[,OPT...]       ro, noatime, allow_other (default for root),\n"
	"                        noallow_other, uid=N, gid=N (show all files\n"
	"                        as these), no_auto_unmount, no_writeback,\n"
	"                        sync_write, commit=SECONDS (5),\n"
	"                        seal_age=SECONDS (3600), threads=N, clone_fd,\n"
	"                        key=FILE, password_file=FILE, config=FILE\n"
	"                        (codexfs.conf(5)), and what fstab and mount(8)\n"
	"                        know: dev, suid, exec, nofail, user, x-* ...\n" CLI_CONF_HELP
	"\n" CLI_COMMON_HELP
	"\nEnd it with `codexfs umount MNT`, umount, fusermount3 -u, or\n"
	"SIGTERM: each ends in a clean commit.\n";

enum {
	OPT_LOG_FILE = CLI_OPT_OWN,
};

static const struct option options[] = {
	CLI_COMMON_OPTIONS,
	CLI_CONF_OPTIONS,
	{"foreground", no_argument, NULL, 'f'},
	{"log-file", required_argument, NULL, OPT_LOG_FILE},
	{"options", required_argument, NULL, 'o'},
	{0},
};

struct mount_args {
	struct cli_common common;
	struct mount_options opts;
	struct cli_conf conf;
	bool foreground;
	const char *log_file;
	char *store;	  /* absolute */
	char *mountpoint; /* absolute */
	char *conf_file;  /* absolute; NULL: its usual places */
};

/* A mount whose process was killed stays until it is unmounted.  It answers
 * ENOTCONN, or from the kernel's cache: what tells is that nobody holds its
 * store. */
static int clear_dead_mount(const char *path)
{
	CDX_CLEANUP(cdx_freep) char *source = cdx_client_source(path);
	CDX_CLEANUP(cdx_freep) char *left = NULL;
	int rc;

	if (source == NULL || cdx_client_locked(source))
		return 0;
	cli_error("%s is a dead mount; unmounting it first", path);
	rc = umount_path(path, true);
	if (rc != -EINVAL)
		return rc;
	/* fusermount3, which looks after auto_unmount, was faster */
	left = cdx_client_source(path);
	return left == NULL ? 0 : rc;
}

/* A path that cannot be resolved because it is a dead mount: its directory
 * can. */
static char *absolute(const char *path)
{
	char *full = realpath(path, NULL);
	char *cwd;

	if (full != NULL || errno != ENOTCONN)
		return full;
	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	if (cwd != NULL && asprintf(&full, "%s/%s", cwd, path) < 0)
		full = NULL;
	free(cwd);
	return full;
}

static int check_mountpoint(struct mount_args *a, const char *path)
{
	struct stat st;
	char *source;
	int rc;

	a->mountpoint = absolute(path);
	rc = a->mountpoint == NULL ? -errno : clear_dead_mount(a->mountpoint);
	if (rc < 0) {
		cli_error("cannot use the mount point %s: %s", path,
			  cdx_strerror(rc));
		return rc;
	}
	if (stat(a->mountpoint, &st) < 0) {
		rc = -errno;
		cli_error("cannot use the mount point %s: %s", path,
			  strerror(-rc));
		return rc;
	}
	if (!S_ISDIR(st.st_mode)) {
		cli_error("the mount point %s is not a directory", path);
		return -ENOTDIR;
	}
	source = cdx_client_source(a->mountpoint);
	if (source != NULL) {
		cli_error("%s is mounted already (store %s); end that first "
			  "with: codexfs umount %s",
			  path, source, path);
		free(source);
		return -EBUSY;
	}
	return 0;
}

/* Whoever was unmounted a moment ago still writes what is left: umount(8) does
 * not wait for it.  A store that is mounted, or that is at work for longer, is
 * refused when it is opened. */
static void wait_for_last(const char *store)
{
	uint64_t end = cdx_clock_mono_ns() + LAST_WAIT_S * 1000000000u;
	const struct timespec pause = {.tv_nsec = 10000000};

	while (cdx_client_locked(store) && !cdx_client_mounted(store) &&
	       cdx_clock_mono_ns() < end)
		nanosleep(&pause, NULL);
}

static int prepare(struct mount_args *a, const char *store, const char *mnt)
{
	int rc;

	a->store = realpath(store, NULL);
	if (a->store == NULL) {
		rc = -errno;
		cli_error("%s is not a codexfs store: %s; make one with: "
			  "codexfs init %s",
			  store, strerror(-rc), store);
		return rc;
	}
	rc = check_mountpoint(a, mnt);
	if (rc == 0 &&
	    strncmp(a->store, a->mountpoint, strlen(a->mountpoint)) == 0 &&
	    (a->store[strlen(a->mountpoint)] == '/' ||
	     a->store[strlen(a->mountpoint)] == '\0')) {
		cli_error("the store lies below the mount point; use another "
			  "mount point");
		rc = -EINVAL;
	}
	if (rc == 0)
		wait_for_last(a->store);
	return rc;
}

struct run {
	struct mount_args *a;
	const struct cdx_keyfile *keys;
};

static int run_child(void *arg, int ready_fd)
{
	const struct run *r = arg;
	struct mounted_args m = {
		.store = r->a->store,
		.mountpoint = r->a->mountpoint,
		.options = &r->a->opts,
		.conf = &r->a->conf,
		.keys = r->keys,
		.log = &r->a->common.log,
		.ready_fd = ready_fd,
	};

	return mounted_run(&m);
}

/* -o remount: the flags of the mount change, its process goes on */
static int remount(struct mount_args *a, const char *mnt)
{
	CDX_CLEANUP(cdx_freep) char *path = realpath(mnt, NULL);
	CDX_CLEANUP(cdx_freep) char *source = NULL;
	struct cdx_fs_opts o = {.mountpoint = path,
				.readonly = a->opts.readonly};
	int rc;

	if (path != NULL)
		source = cdx_client_source(path);
	if (source == NULL) {
		cli_error("%s is not a codexfs mount", mnt);
		return cdx_err_exit(-ENOENT);
	}
	cdx_buf_u8(&a->opts.kernel, 0);
	rc = cdx_buf_ok(&a->opts.kernel);
	o.kernel_options = (const char *)a->opts.kernel.p;
	if (rc == 0)
		rc = cdx_fs_remount(&o);
	if (rc < 0)
		cli_error("cannot remount %s: %s", mnt, cdx_strerror(rc));
	return cdx_err_exit(rc);
}

/* Which configuration, for a process that moves to another folder */
static int place_config(struct mount_args *a)
{
	const char *name = a->conf.file;

	if (name == NULL)
		name = a->opts.conf_file;
	if (name == NULL)
		name = getenv("CODEXFS_CONFIG");
	if (name == NULL || name[0] == '\0')
		return 0;
	a->conf_file = cdx_conf_absolute(name);
	a->conf.file = a->conf_file;
	return a->conf_file == NULL ? -ENOMEM : 0;
}

/* A file that is wrong keeps no volume from being mounted: it is a local disk
 * then.  Who asked for more by options is told. */
static int load_config(struct mount_args *a)
{
	char why[CDX_CONF_WHY_MAX];
	int rc = cli_conf_load(&a->conf, a->store, false, why);

	if (rc >= 0)
		return 0;
	cli_error("%s", why);
	if (a->conf.of_node || rc == -ENOMEM)
		return rc;
	cli_error("%s is mounted without its configuration, and alone",
		  a->store);
	return 0;
}

static int mount_volume(struct mount_args *a, const char *store,
			const char *mnt)
{
	char error[CDX_NODE_ERROR_MAX];
	struct cdx_keyfile keys;
	struct run r = {.a = a, .keys = &keys};
	int rc;

	if (a->opts.remount)
		return remount(a, mnt);
	rc = prepare(a, store, mnt);
	if (rc == 0)
		rc = place_config(a);
	if (rc == 0)
		rc = load_config(a);
	if (rc < 0)
		return cdx_err_exit(rc);
	if (a->opts.key_file != NULL)
		a->common.node.key_file = a->opts.key_file;
	if (a->opts.password_file != NULL)
		a->common.node.password_file = a->opts.password_file;
	/* keys first: the terminal is ours now, and a daemon has none */
	rc = cdx_node_keys(&keys, a->store, a->common.node.key_file,
			   a->common.node.password_file, error);
	if (rc < 0) {
		cli_error("%s", error);
		return cdx_err_exit(rc);
	}
	rc = a->foreground ? run_child(&r, -1)
			   : daemon_start(&a->common.log, a->log_file, "mount",
					  run_child, &r);
	cdx_wipe(&keys, sizeof(keys));
	return rc;
}

static void args_init(struct mount_args *a)
{
	memset(a, 0, sizeof(*a));
	cli_common_init(&a->common);
	a->common.log.level = CDX_LOG_INFO;
	mount_options_init(&a->opts);
}

static void args_free(struct mount_args *a)
{
	mount_options_free(&a->opts);
	cli_conf_free(&a->conf);
	free(a->conf_file);
	free(a->store);
	free(a->mountpoint);
}

int verb_mount(int argc, char **argv)
{
	struct mount_args a;
	const char *store;
	int opt;
	int left;
	int rc;

	args_init(&a);
	while ((opt = getopt_long(argc, argv, "hfo:", options, NULL)) != -1) {
		if (opt == 'f')
			a.foreground = true;
		else if (opt == OPT_LOG_FILE)
			a.log_file = optarg;
		else if (opt == 'o' && mount_options_parse(&a.opts, optarg) < 0)
			return CLI_USAGE;
		else if (opt != 'o' &&
			 cli_common_option(&a.common, opt, help) == 0 &&
			 cli_conf_option(&a.conf, opt) < 0)
			return CLI_USAGE;
	}
	left = argc - optind;
	store = left == 2 ? argv[optind] : a.common.store;
	if (left < 1 || left > 2 || store == NULL) {
		fputs(help, stderr);
		return CLI_USAGE;
	}
	rc = mount_volume(&a, store, argv[argc - 1]);
	args_free(&a);
	return rc;
}

int mount_helper(int argc, char **argv)
{
	struct mount_args a;
	const char *place[2] = {NULL, NULL};
	unsigned n = 0;
	int opt;
	int rc;

	args_init(&a);
	/* as for every filesystem that root mounts; a user's mount comes with
	 * the opposites */
	if (geteuid() == 0 && mount_options_parse(&a.opts, "dev,suid") < 0)
		return 1;
	/* mount(8) puts SPEC and DIR first; -s sloppy, -f fake, -n no mtab,
	 * -v verbose */
	while ((opt = getopt(argc, argv, "-sfnvN:o:t:")) != -1) {
		if (opt == 1 && n < 2)
			place[n++] = optarg;
		else if (opt == 'f')
			return 0;
		else if (opt == 'o' && mount_options_parse(&a.opts, optarg) < 0)
			return 1;
		else if (opt == '?' || opt == 1)
			return 1;
	}
	if (n != 2) {
		cli_error("usage: %s STORE MNT [-sfnv] [-o OPTIONS]", argv[0]);
		return 1;
	}
	rc = mount_volume(&a, place[0], place[1]);
	args_free(&a);
	return rc == 0 ? 0 : MOUNT_FAILED;
}
