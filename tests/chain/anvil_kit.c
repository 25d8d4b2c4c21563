/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#include "config.h"

#include "tests/chain/anvil_kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/io.h"
#include "base/list.h"
#include "eth/json.h"

#define POLL_MS 50
#define NAMES_MAX 4096

/* ---- files ---- */

struct wait {
	struct cdx_list link;
	cdx_persist_fn *fn;
	void *arg;
};

struct anvil_files {
	struct cdx_persist calls;
	char dir[256];
	struct cdx_list waits;
	struct cdx_loop_timer *timer;
};

static void tell(void *arg)
{
	struct anvil_files *f = arg;

	while (!cdx_list_empty(&f->waits)) {
		struct wait *w =
			cdx_list_entry(f->waits.next, struct wait, link);
		cdx_persist_fn *fn = w->fn;
		void *fn_arg = w->arg;

		cdx_list_del(&w->link);
		free(w);
		fn(fn_arg, 0);
	}
}

static int later(struct anvil_files *f, cdx_persist_fn *fn, void *arg)
{
	struct wait *w;

	if (!fn)
		return 0;
	w = calloc(1, sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->fn = fn;
	w->arg = arg;
	cdx_list_add_tail(&f->waits, &w->link);
	return 0;
}

/* Keys have slashes, names of files do not. */
static void path_of(const struct anvil_files *f, char out[512], const char *key,
		    const char *end)
{
	char name[CDX_PERSIST_KEY_MAX];

	snprintf(name, sizeof(name), "%s", key);
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = ':';
	snprintf(out, 512, "%s/%s%s", f->dir, name, end);
}

static int sync_dir(const struct anvil_files *f)
{
	int fd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) < 0 ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

static int put(void *arg, const char *key, const void *val, size_t len,
	       cdx_persist_fn *fn, void *fn_arg)
{
	struct anvil_files *f = arg;
	char part[512];
	char path[512];
	int fd;
	bool ok;

	path_of(f, part, key, ".part");
	path_of(f, path, key, "");
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	ok = write(fd, val, len) == (ssize_t)len && fsync(fd) == 0;
	close(fd);
	if (!ok || rename(part, path) < 0 || sync_dir(f) < 0)
		return -EIO;
	return later(f, fn, fn_arg);
}

static int del(void *arg, const char *key, cdx_persist_fn *fn, void *fn_arg)
{
	struct anvil_files *f = arg;
	char path[512];

	path_of(f, path, key, "");
	if (unlink(path) < 0 && errno != ENOENT)
		return -errno;
	if (sync_dir(f) < 0)
		return -EIO;
	return later(f, fn, fn_arg);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Rows in a folder, sorted; half-written ones are none */
static unsigned names(const char *dir, char *out[NAMES_MAX])
{
	DIR *d = opendir(dir);
	struct dirent *e;
	unsigned n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL) {
		size_t len = strlen(e->d_name);

		if (e->d_name[0] == '.' || len < 6 ||
		    strcmp(e->d_name + len - 5, ".part") == 0)
			continue;
		assert_true(n < NAMES_MAX);
		out[n++] = strdup(e->d_name);
	}
	closedir(d);
	qsort(out, n, sizeof(out[0]), by_name);
	return n;
}

static int list(void *arg, const char *prefix,
		int (*each)(void *each_arg, const char *key, const void *val,
			    size_t len),
		void *each_arg)
{
	static char *name[NAMES_MAX];
	static uint8_t val[CDX_PERSIST_VAL_MAX];
	struct anvil_files *f = arg;
	unsigned n = names(f->dir, name);
	int rc = 0;

	for (unsigned i = 0; i < n; i++) {
		char path[512];
		ssize_t len;
		int fd;

		snprintf(path, sizeof(path), "%s/%s", f->dir, name[i]);
		for (char *c = name[i]; *c; c++)
			if (*c == ':')
				*c = '/';
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_true(fd >= 0);
		len = read(fd, val, sizeof(val));
		close(fd);
		assert_true(len >= 0);
		if (rc == 0 && strncmp(name[i], prefix, strlen(prefix)) == 0)
			rc = each(each_arg, name[i], val, (size_t)len);
		free(name[i]);
	}
	return rc;
}

static void forget(void *arg, void *fn_arg)
{
	struct anvil_files *f = arg;

	cdx_list_foreach_safe(pos, tmp, &f->waits) {
		struct wait *w = cdx_list_entry(pos, struct wait, link);

		if (w->arg != fn_arg)
			continue;
		cdx_list_del(&w->link);
		free(w);
	}
}

unsigned anvil_files_count(const char *dir)
{
	static char *name[NAMES_MAX];
	unsigned n = names(dir, name);

	for (unsigned i = 0; i < n; i++)
		free(name[i]);
	return n;
}

void anvil_folder(char out[256])
{
	const char *tmp = getenv("TMPDIR");

	snprintf(out, 256, "%s/cdx-anvil.XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(out));
}

struct anvil_files *anvil_files_new(const char *dir, struct cdx_loop *loop)
{
	struct anvil_files *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	snprintf(f->dir, sizeof(f->dir), "%s", dir);
	cdx_list_init(&f->waits);
	f->calls = (struct cdx_persist){.put = put,
					.del = del,
					.list = list,
					.forget = forget,
					.arg = f};
	assert_int_equal(cdx_loop_timer_add(loop, &f->timer, LOOP_KIT_MS,
					    LOOP_KIT_MS, tell, f),
			 0);
	return f;
}

void anvil_files_free(struct anvil_files *f)
{
	cdx_loop_timer_del(f->timer);
	while (!cdx_list_empty(&f->waits)) {
		struct wait *w =
			cdx_list_entry(f->waits.next, struct wait, link);

		cdx_list_del(&w->link);
		free(w);
	}
	free(f);
}

const struct cdx_persist *anvil_files_calls(struct anvil_files *f)
{
	return &f->calls;
}

/* ---- asking anvil ---- */

struct asked {
	bool done;
	int err;
	json_t *result;
	char why[CDX_RPC_WHY_MAX];
};

static void answered(void *arg, int err, const struct cdx_rpc_reply *reply)
{
	struct asked *a = arg;

	a->done = true;
	a->err = err;
	a->result = err ? NULL : json_incref(reply->result);
	snprintf(a->why, sizeof(a->why), "%s", reply->why);
}

static bool is_done(void *arg)
{
	return ((struct asked *)arg)->done;
}

json_t *anvil_ask(struct anvil *a, const char *method, json_t *params)
{
	struct asked asked = {.done = false};

	assert_non_null(params);
	assert_int_equal(cdx_rpc_call(a->rpc, NULL, method, params, answered,
				      &asked),
			 0);
	loop_kit_until(&a->turns, is_done, &asked);
	if (asked.err)
		fail_msg("%s: %s", method, asked.why);
	return asked.result;
}

void anvil_do(struct anvil *a, const char *method, json_t *params)
{
	json_decref(anvil_ask(a, method, params));
}

uint64_t anvil_u64(struct anvil *a, const char *method, json_t *params)
{
	json_t *result = anvil_ask(a, method, params);
	uint64_t v = 0;

	assert_int_equal(cdx_json_get_u64(result, &v), 0);
	json_decref(result);
	return v;
}

json_t *anvil_addr(const struct anvil *a)
{
	return cdx_json_addr(&a->account.addr);
}

static uint64_t count(struct anvil *a, const char *at)
{
	return anvil_u64(a, "eth_getTransactionCount",
			 json_pack("[os]", anvil_addr(a), at));
}

uint64_t anvil_count(struct anvil *a)
{
	return count(a, "latest");
}

unsigned anvil_pooled(struct anvil *a)
{
	return (unsigned)(count(a, "pending") - anvil_count(a));
}

void anvil_until_pooled(struct anvil *a, unsigned n)
{
	for (int i = 0; anvil_pooled(a) != n; i++) {
		assert_true(i < 600);
		loop_kit_run_ms(&a->turns, 20);
	}
}

void anvil_mine(struct anvil *a, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t height;

		anvil_do(a, "evm_mine", json_array());
		height = anvil_u64(a, "eth_blockNumber", json_array());
		while (!cdx_head_latest(a->head) ||
		       cdx_head_latest(a->head)->number < height)
			loop_kit_run_ms(&a->turns, 10);
		loop_kit_run_ms(&a->turns, 20);
	}
}

/* ---- all of it ---- */

void anvil_begin(struct anvil *a, const char *dir, const struct cdx_seckey *key)
{
	const char *url = getenv("ANVIL_URL");
	struct cdx_rpc_opts opts = {.urls = &url, .n_urls = 1};
	char why[CDX_RPC_WHY_MAX];
	struct cdx_seckey fresh;

	memset(a, 0, sizeof(*a));
	assert_non_null(url);
	loop_kit_start(&a->turns);
	assert_int_equal(cdx_http_new(&a->http, a->turns.loop), 0);
	assert_int_equal(
		cdx_rpc_new(&a->rpc, a->turns.loop, a->http, &opts, why), 0);
	assert_int_equal(cdx_head_new(&a->head, a->turns.loop, a->rpc, POLL_MS,
				      NULL),
			 0);
	a->files = anvil_files_new(dir, a->turns.loop);
	cdx_seckey_random(&fresh);
	assert_int_equal(cdx_account_of(&a->account, key ? key : &fresh), 0);
	if (!key)
		anvil_do(a, "anvil_setBalance",
			 json_pack("[os]", anvil_addr(a),
				   "0x3635c9adc5dea00000"));
	a->opts.fees.stuck_s = 1;
}

void anvil_sender(struct anvil *a)
{
	assert_int_equal(cdx_sender_new(&a->sender, a->turns.loop, a->rpc,
					a->head, anvil_files_calls(a->files),
					&a->account, &a->opts),
			 0);
}

void anvil_end(struct anvil *a)
{
	cdx_sender_free(a->sender);
	anvil_files_free(a->files);
	cdx_head_free(a->head);
	cdx_rpc_free(a->rpc);
	cdx_http_free(a->http);
	loop_kit_end(&a->turns);
	cdx_account_wipe(&a->account);
}
