/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "volume_env.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

#include "seed.h"

/*
 * Random operations on a volume and on a model in memory.  Every result is
 * predicted; the whole tree is compared after each reopen and each crash.
 * After a crash the names are those of the last fsync or commit, and so is the
 * content of every file that had been made durable then; what is in a file
 * that had not been is unknown, but must be readable, and is taken over.
 *
 * CDX_COUNT operations (3000), CDX_SEED.
 */

#define NODES 48
#define NAMES 6
#define SIZE_MAX_FILE (400u << 10)
#define NONE (-1)

/* Contents, shared between the present and what a crash would leave */
struct blob {
	unsigned refs;
	size_t len;
	uint8_t *p;
};

struct node {
	bool used;
	bool durable; /* the content is on disk as it is */
	bool gated;   /* renamed over a file: durable with the next sync */
	uint64_t ino;
	mode_t mode;
	unsigned nlink;
	unsigned opens; /* kernel references */
	int parent;
	int child[NAMES];
	struct blob *data;
	size_t xattr; /* length + 1 of user.x, 0 = none */
	unsigned target;
};

struct model {
	struct node n[NODES];
};

struct run {
	struct volume_env e;
	struct seed rnd;
	struct model now;
	struct model safe;   /* after a crash */
	struct model before; /* the last change */
	unsigned step;
};

static const char *const names[NAMES] = {"a", "b", "cc", "d.tmp", "e", "\xff"};

/* ---- contents ---- */

static struct blob *blob_new(size_t len)
{
	struct blob *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->refs = 1;
	b->len = len;
	b->p = calloc(1, len + 1);
	assert_non_null(b->p);
	return b;
}

static void blob_drop(struct blob *b)
{
	if (b == NULL || --b->refs > 0)
		return;
	free(b->p);
	free(b);
}

/* The node's own content with @len bytes, old ones kept, new ones zero */
static struct blob *blob_own(struct node *n, size_t len)
{
	struct blob *b = blob_new(len);

	memcpy(b->p, n->data->p, n->data->len < len ? n->data->len : len);
	blob_drop(n->data);
	n->data = b;
	n->durable = false;
	n->gated = false;
	return b;
}

static void model_copy(struct model *to, const struct model *from)
{
	for (int i = 0; i < NODES; i++) {
		if (from->n[i].data != NULL)
			from->n[i].data->refs++;
		blob_drop(to->n[i].data);
		to->n[i] = from->n[i];
	}
}

static void model_free(struct model *m)
{
	for (int i = 0; i < NODES; i++) {
		blob_drop(m->n[i].data);
		m->n[i].data = NULL;
	}
}

/* ---- nodes ---- */

static void node_drop_if_dead(struct node *n)
{
	if (n->nlink > 0 || n->opens > 0)
		return;
	blob_drop(n->data);
	memset(n, 0, sizeof(*n));
}

static int node_new(struct run *r, uint64_t ino, mode_t mode, int parent)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &r->now.n[i];

		if (n->used)
			continue;
		memset(n, 0, sizeof(*n));
		n->used = true;
		n->ino = ino;
		n->mode = mode;
		n->nlink = S_ISDIR(mode) ? 2 : 1;
		n->parent = parent;
		for (int k = 0; k < NAMES; k++)
			n->child[k] = NONE;
		if (S_ISREG(mode)) {
			n->data = blob_new(0);
			n->durable = true;
		}
		return i;
	}
	return NONE;
}

static bool full(const struct run *r)
{
	for (int i = 0; i < NODES; i++) {
		if (!r->now.n[i].used)
			return false;
	}
	return true;
}

/* A random node of a type; 0 for any that has a name */
static int pick(struct run *r, mode_t type)
{
	int start = (int)seed_below(&r->rnd, NODES);

	for (int k = 0; k < NODES; k++) {
		int i = (start + k) % NODES;
		const struct node *n = &r->now.n[i];

		if (n->used && (type == 0 || (n->mode & S_IFMT) == type) &&
		    (type == S_IFREG || n->nlink > 0))
			return i;
	}
	return NONE;
}

static bool empty(const struct node *n)
{
	for (int k = 0; k < NAMES; k++) {
		if (n->child[k] != NONE)
			return false;
	}
	return true;
}

/* ---- names ---- */

static void do_create(struct run *r, mode_t type)
{
	int d = pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, NAMES);
	struct node *dir = &r->now.n[d];
	mode_t mode = type | (mode_t)seed_below(&r->rnd, 01000);
	struct cdx_attr a;
	char target[64];
	unsigned t = (unsigned)seed_below(&r->rnd, 1000);
	int rc;
	int i;

	if (full(r))
		return;
	(void)snprintf(target, sizeof(target), "../to/%u", t);
	if (type == S_IFDIR)
		rc = cdx_vol_mkdir(r->e.v, dir->ino, names[k], mode,
				   &volume_env_cred, &a);
	else if (type == S_IFLNK)
		rc = cdx_vol_symlink(r->e.v, dir->ino, names[k], target,
				     &volume_env_cred, &a);
	else
		rc = cdx_vol_mknod(r->e.v, dir->ino, names[k], mode, 0,
				   &volume_env_cred, &a);
	assert_int_equal(rc, dir->child[k] == NONE ? 0 : -EEXIST);
	if (rc < 0)
		return;
	if (type == S_IFLNK)
		mode = S_IFLNK | 0777;
	else
		mode &= ~(mode_t)022;
	i = node_new(r, a.ino, mode, d);
	r->now.n[i].target = t;
	dir->child[k] = i;
	if (type == S_IFDIR)
		dir->nlink++;
	if (seed_below(&r->rnd, 4) == 0)
		r->now.n[i].opens = 1;
	else
		cdx_vol_forget(r->e.v, a.ino, 1);
}

static void do_link(struct run *r)
{
	int i = pick(r, 0);
	int d = pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, NAMES);
	struct node *n = &r->now.n[i];
	struct node *dir = &r->now.n[d];
	struct cdx_attr a;
	int rc = cdx_vol_link(r->e.v, n->ino, dir->ino, names[k], &a);

	if (S_ISDIR(n->mode)) {
		assert_int_equal(rc, -EPERM);
		return;
	}
	assert_int_equal(rc, dir->child[k] == NONE ? 0 : -EEXIST);
	if (rc < 0)
		return;
	cdx_vol_forget(r->e.v, n->ino, 1);
	n->nlink++;
	dir->child[k] = i;
	assert_int_equal(a.nlink, n->nlink);
}

static void lose_name(struct run *r, int d, int i)
{
	struct node *n = &r->now.n[i];

	if (S_ISDIR(n->mode)) {
		n->nlink = 0;
		r->now.n[d].nlink--;
	} else {
		n->nlink--;
	}
	node_drop_if_dead(n);
}

static void do_remove(struct run *r, bool is_rmdir)
{
	int d = pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, NAMES);
	struct node *dir = &r->now.n[d];
	int i = dir->child[k];
	int want = 0;
	int rc = is_rmdir ? cdx_vol_rmdir(r->e.v, dir->ino, names[k])
			  : cdx_vol_unlink(r->e.v, dir->ino, names[k]);

	if (i == NONE)
		want = -ENOENT;
	else if (is_rmdir && !S_ISDIR(r->now.n[i].mode))
		want = -ENOTDIR;
	else if (!is_rmdir && S_ISDIR(r->now.n[i].mode))
		want = -EISDIR;
	else if (is_rmdir && !empty(&r->now.n[i]))
		want = -ENOTEMPTY;
	assert_int_equal(rc, want);
	if (rc < 0)
		return;
	dir->child[k] = NONE;
	lose_name(r, d, i);
}

static bool below(const struct run *r, int d, int top)
{
	while (d != top) {
		if (d == 0)
			return false;
		d = r->now.n[d].parent;
	}
	return true;
}

static int rename_result(const struct run *r, int from, int s, int to, int t,
			 unsigned flags)
{
	const struct node *src = s == NONE ? NULL : &r->now.n[s];
	const struct node *dst = t == NONE ? NULL : &r->now.n[t];

	if (src == NULL)
		return -ENOENT;
	if (dst != NULL && flags == RENAME_NOREPLACE)
		return -EEXIST;
	if (dst == NULL && flags == RENAME_EXCHANGE)
		return -ENOENT;
	if (s == t)
		return 1; /* nothing */
	if (S_ISDIR(src->mode) && from != to && below(r, to, s))
		return -EINVAL;
	if (flags == RENAME_EXCHANGE)
		return S_ISDIR(dst->mode) && from != to && below(r, from, t)
			       ? -EINVAL
			       : 0;
	if (dst == NULL)
		return 0;
	if (S_ISDIR(src->mode) && !S_ISDIR(dst->mode))
		return -ENOTDIR;
	if (!S_ISDIR(src->mode) && S_ISDIR(dst->mode))
		return -EISDIR;
	return S_ISDIR(dst->mode) && !empty(dst) ? -ENOTEMPTY : 0;
}

static void move_dir(struct run *r, int i, int from, int to)
{
	if (!S_ISDIR(r->now.n[i].mode))
		return;
	r->now.n[i].parent = to;
	r->now.n[from].nlink--;
	r->now.n[to].nlink++;
}

static void do_rename(struct run *r)
{
	static const unsigned kinds[] = {0, 0, 0, RENAME_NOREPLACE,
					 RENAME_EXCHANGE};
	unsigned flags = kinds[seed_below(&r->rnd, 5)];
	int from = pick(r, S_IFDIR);
	int to = pick(r, S_IFDIR);
	int k = (int)seed_below(&r->rnd, NAMES);
	int l = (int)seed_below(&r->rnd, NAMES);
	int s = r->now.n[from].child[k];
	int t = r->now.n[to].child[l];
	int want = rename_result(r, from, s, to, t, flags);
	int rc = cdx_vol_rename(r->e.v, r->now.n[from].ino, names[k],
				r->now.n[to].ino, names[l], flags);

	assert_int_equal(rc, want > 0 ? 0 : want);
	if (want != 0)
		return;
	r->now.n[to].child[l] = s;
	move_dir(r, s, from, to);
	if (flags == RENAME_EXCHANGE) {
		r->now.n[from].child[k] = t;
		move_dir(r, t, to, from);
		return;
	}
	r->now.n[from].child[k] = NONE;
	if (t == NONE)
		return;
	if (!r->now.n[s].durable)
		r->now.n[s].gated = true;
	lose_name(r, to, t);
}

static void do_open_close(struct run *r)
{
	int i = pick(r, seed_below(&r->rnd, 2) ? S_IFREG : 0);
	struct node *n;
	struct cdx_attr a;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	if (n->opens > 0) {
		uint64_t ino = n->ino;

		n->opens--;
		node_drop_if_dead(n);
		cdx_vol_forget(r->e.v, ino, 1);
		return;
	}
	assert_int_equal(cdx_vol_ref(r->e.v, n->ino, &a), 0);
	n->opens++;
}

/* ---- contents ---- */

static size_t some_offset(struct run *r, const struct node *n)
{
	switch (seed_below(&r->rnd, 4)) {
	case 0:
		return n->data->len;
	case 1:
		return seed_below(&r->rnd, 4) * 65536;
	default:
		return seed_below(&r->rnd, 300u << 10);
	}
}

static size_t some_length(struct run *r)
{
	switch (seed_below(&r->rnd, 5)) {
	case 0:
		return 1 + seed_below(&r->rnd, 100);
	case 1:
		return 65536;
	case 2:
		return 1 + seed_below(&r->rnd, 90u << 10);
	default:
		return 1 + seed_below(&r->rnd, 8000);
	}
}

static void do_write(struct run *r)
{
	static uint8_t buf[100u << 10];
	int i = pick(r, S_IFREG);
	struct node *n;
	struct blob *b;
	size_t off;
	size_t len = some_length(r);
	bool append = seed_below(&r->rnd, 8) == 0;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	off = append ? n->data->len : some_offset(r, n);
	if (off + len > SIZE_MAX_FILE)
		return;
	seed_fill(&r->rnd, buf, len);
	assert_int_equal(cdx_vol_write(r->e.v, n->ino, append ? 7 : off, buf,
				       len, append),
			 0);
	b = blob_own(n, off + len > n->data->len ? off + len : n->data->len);
	memcpy(b->p + off, buf, len);
}

static void do_truncate(struct run *r)
{
	int i = pick(r, S_IFREG);
	struct cdx_attr in = {0};
	struct cdx_attr a;
	struct node *n;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	in.size = seed_below(&r->rnd, 4) == 0 ? 0 : some_offset(r, n);
	assert_int_equal(cdx_vol_setattr(r->e.v, n->ino, &in, CDX_SET_SIZE,
					 &volume_env_cred, &a),
			 0);
	(void)blob_own(n, in.size);
	assert_int_equal(a.size, in.size);
}

static void do_fallocate(struct run *r)
{
	static const int modes[] = {
		0, FALLOC_FL_KEEP_SIZE,
		FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE,
		FALLOC_FL_ZERO_RANGE,
		FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
	int mode = modes[seed_below(&r->rnd, 5)];
	int i = pick(r, S_IFREG);
	struct node *n;
	struct blob *b;
	size_t off;
	size_t end;
	size_t len = some_length(r);
	size_t size;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	off = some_offset(r, n);
	if (off + len > SIZE_MAX_FILE)
		return;
	assert_int_equal(cdx_vol_fallocate(r->e.v, n->ino, mode, off, len), 0);
	size = n->data->len;
	end = off + len;
	if ((mode & FALLOC_FL_KEEP_SIZE) == 0 && end > size)
		size = end;
	b = blob_own(n, size);
	if (mode == 0 || mode == FALLOC_FL_KEEP_SIZE)
		return;
	if (end > size)
		end = size;
	if (off < end)
		memset(b->p + off, 0, end - off);
}

static void do_copy(struct run *r)
{
	int i = pick(r, S_IFREG);
	int j = pick(r, S_IFREG);
	struct node *src;
	struct node *dst;
	struct blob *b;
	size_t from;
	size_t to;
	size_t len = some_length(r);
	size_t n;
	int64_t rc;

	if (i == NONE || i == j)
		return;
	src = &r->now.n[i];
	dst = &r->now.n[j];
	from = some_offset(r, src);
	to = some_offset(r, dst);
	if (to + len > SIZE_MAX_FILE)
		return;
	n = from >= src->data->len ? 0 : src->data->len - from;
	if (n > len)
		n = len;
	rc = cdx_vol_copy_range(r->e.v, src->ino, from, dst->ino, to, len);
	assert_true(rc == (int64_t)n);
	if (n == 0)
		return;
	b = blob_own(dst, to + n > dst->data->len ? to + n : dst->data->len);
	memcpy(b->p + to, src->data->p + from, n);
}

struct reading {
	sem_t done;
	uint8_t *buf;
	ssize_t result;
};

static void have_read(void *arg, const uint8_t *buf, ssize_t result)
{
	struct reading *rd = arg;

	rd->result = result;
	if (result > 0)
		memcpy(rd->buf, buf, (size_t)result);
	sem_post(&rd->done);
}

static ssize_t read_at(struct run *r, uint64_t ino, uint64_t off, size_t len,
		       uint8_t *out)
{
	struct reading rd = {.buf = out};

	sem_init(&rd.done, 0, 0);
	cdx_vol_read(r->e.v, ino, off, len, have_read, &rd);
	while (sem_wait(&rd.done) < 0)
		;
	sem_destroy(&rd.done);
	return rd.result;
}

static void do_read(struct run *r)
{
	static uint8_t buf[100u << 10];
	int i = pick(r, S_IFREG);
	const struct node *n;
	size_t off;
	size_t len = some_length(r);
	size_t want;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	off = some_offset(r, n);
	want = off >= n->data->len ? 0 : n->data->len - off;
	if (want > len)
		want = len;
	assert_int_equal(read_at(r, n->ino, off, len, buf), want);
	if (want > 0)
		assert_memory_equal(buf, n->data->p + off, want);
}

/* ---- attributes ---- */

static void do_chmod(struct run *r)
{
	int i = pick(r, 0);
	struct node *n = &r->now.n[i];
	struct cdx_attr in = {.mode = (mode_t)seed_below(&r->rnd, 01000)};
	struct cdx_attr a;

	if (i == 0 || S_ISLNK(n->mode))
		return;
	assert_int_equal(cdx_vol_setattr(r->e.v, n->ino, &in, CDX_SET_MODE,
					 &volume_env_cred, &a),
			 0);
	n->mode = (n->mode & S_IFMT) | in.mode;
	assert_int_equal(a.mode, n->mode);
}

static void do_xattr(struct run *r)
{
	static const uint8_t val[300] = {1, 2, 3};
	int i = pick(r, 0);
	struct node *n = &r->now.n[i];
	size_t len = seed_below(&r->rnd, sizeof(val));
	int rc;

	if (!S_ISREG(n->mode) && !S_ISDIR(n->mode))
		return;
	if (seed_below(&r->rnd, 3) == 0) {
		rc = cdx_vol_removexattr(r->e.v, n->ino, "user.x",
					 &volume_env_cred);
		assert_int_equal(rc, n->xattr != 0 ? 0 : -ENODATA);
		n->xattr = 0;
		return;
	}
	rc = cdx_vol_setxattr(r->e.v, n->ino, "user.x", val, len, 0,
			      &volume_env_cred);
	assert_int_equal(rc, 0);
	n->xattr = len + 1;
}

/* ---- comparing ---- */

struct listing {
	struct run *r;
	const struct node *dir;
	unsigned found;
};

static int compare_entry(void *arg, const struct cdx_dirent *e)
{
	struct listing *l = arg;

	if (e->cookie < 3)
		return 1;
	for (int k = 0; k < NAMES; k++) {
		const struct node *n;

		if (strcmp(e->name, names[k]) != 0)
			continue;
		assert_int_not_equal(l->dir->child[k], NONE);
		n = &l->r->now.n[l->dir->child[k]];
		assert_int_equal(e->ino, n->ino);
		assert_int_equal(e->type, n->mode & S_IFMT);
		l->found++;
	}
	return 1;
}

static void compare_dir(struct run *r, const struct node *n)
{
	struct listing l = {.r = r, .dir = n};
	unsigned want = 0;

	assert_int_equal(
		cdx_vol_readdir(r->e.v, n->ino, 0, compare_entry, &l), 0);
	for (int k = 0; k < NAMES; k++)
		want += n->child[k] != NONE;
	assert_int_equal(l.found, want);
}

static void compare_link(struct run *r, const struct node *n)
{
	char want[64];
	char got[64];
	int len = snprintf(want, sizeof(want), "../to/%u", n->target);

	assert_int_equal(cdx_vol_readlink(r->e.v, n->ino, got, sizeof(got)),
			 len);
	assert_memory_equal(got, want, (size_t)len);
}

static void compare_file(struct run *r, const struct node *n)
{
	uint8_t *buf = malloc(SIZE_MAX_FILE + 1);

	assert_non_null(buf);
	assert_int_equal(read_at(r, n->ino, 0, SIZE_MAX_FILE + 1, buf),
			 n->data->len);
	if (n->data->len > 0)
		assert_memory_equal(buf, n->data->p, n->data->len);
	free(buf);
}

static void compare_all(struct run *r)
{
	for (int i = 0; i < NODES; i++) {
		const struct node *n = &r->now.n[i];
		struct cdx_attr a;

		if (!n->used)
			continue;
		assert_int_equal(cdx_vol_getattr(r->e.v, n->ino, &a), 0);
		assert_int_equal(a.nlink, n->nlink);
		if (i != 0)
			assert_int_equal(a.mode, n->mode);
		assert_int_equal(cdx_vol_getxattr(r->e.v, n->ino, "user.x",
						  NULL, 0),
				 n->xattr != 0 ? (int)n->xattr - 1 : -ENODATA);
		if (S_ISDIR(n->mode)) {
			compare_dir(r, n);
		} else if (S_ISLNK(n->mode)) {
			compare_link(r, n);
		} else if (S_ISREG(n->mode)) {
			assert_int_equal(a.size, n->data->len);
			compare_file(r, n);
		}
	}
}

/* ---- durability ---- */

static void synced(struct run *r)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &r->now.n[i];

		if (n->gated)
			n->durable = true;
		n->gated = false;
	}
	model_copy(&r->safe, &r->now);
}

static void all_durable(struct run *r)
{
	for (int i = 0; i < NODES; i++)
		r->now.n[i].durable = true;
	synced(r);
}

static void do_fsync(struct run *r)
{
	int i = pick(r, seed_below(&r->rnd, 4) == 0 ? S_IFDIR : S_IFREG);
	struct node *n;

	if (i == NONE)
		return;
	n = &r->now.n[i];
	assert_int_equal(cdx_vol_fsync(r->e.v, n->ino,
				       seed_below(&r->rnd, 2) == 0),
			 0);
	if (S_ISREG(n->mode))
		n->durable = true;
	synced(r);
}

static void do_commit(struct run *r)
{
	volume_env_commit(&r->e);
	all_durable(r);
}

/* What the kernel held goes with the mount. */
static void forget_all(struct run *r)
{
	for (int i = 0; i < NODES; i++) {
		struct node *n = &r->now.n[i];

		n->opens = 0;
		if (n->used)
			node_drop_if_dead(n);
	}
}

static void do_reopen(struct run *r)
{
	volume_env_reopen(&r->e);
	forget_all(r);
	all_durable(r);
	compare_all(r);
}

static void adopt(struct run *r, struct node *n)
{
	struct cdx_attr a = volume_env_stat(&r->e, n->ino);

	assert_true(a.size <= SIZE_MAX_FILE);
	blob_drop(n->data);
	n->data = blob_new(a.size);
	assert_int_equal(read_at(r, n->ino, 0, SIZE_MAX_FILE + 1, n->data->p),
			 a.size);
}

static void do_crash(struct run *r)
{
	volume_env_crash(&r->e);
	model_copy(&r->now, &r->safe);
	forget_all(r);
	for (int i = 0; i < NODES; i++) {
		struct node *n = &r->now.n[i];

		if (n->used && S_ISREG(n->mode) && !n->durable)
			adopt(r, n);
	}
	/* replayed data may still be on its way to the disk */
	do_commit(r);
	compare_all(r);
}

static void do_seal(struct run *r)
{
	assert_int_equal(cdx_vol_sync(r->e.v, CDX_SYNC_SEALED, NULL, NULL), 0);
	all_durable(r);
	compare_all(r);
}

/* ---- */

static void name_step(struct run *r)
{
	switch (seed_below(&r->rnd, 9)) {
	case 0:
	case 1:
		do_create(r, S_IFREG);
		break;
	case 2:
		do_create(r, S_IFDIR);
		break;
	case 3:
		do_create(r, seed_below(&r->rnd, 3) == 0 ? S_IFIFO : S_IFLNK);
		break;
	case 4:
		do_link(r);
		break;
	case 5:
		do_remove(r, seed_below(&r->rnd, 3) == 0);
		break;
	case 6:
		do_open_close(r);
		break;
	default:
		do_rename(r);
		break;
	}
}

static void data_step(struct run *r)
{
	switch (seed_below(&r->rnd, 9)) {
	case 0:
	case 1:
	case 2:
		do_write(r);
		break;
	case 3:
		do_truncate(r);
		break;
	case 4:
		do_fallocate(r);
		break;
	case 5:
		do_copy(r);
		break;
	case 6:
		do_chmod(r);
		break;
	case 7:
		do_xattr(r);
		break;
	default:
		do_read(r);
		break;
	}
}

static uint64_t commits(struct run *r)
{
	struct cdx_store_stats st;

	cdx_store_stats(r->e.store, &st);
	return st.commits;
}

/* Writes may commit for reasons of their own, before they change anything. */
static void change_step(struct run *r, bool is_name)
{
	uint64_t before = commits(r);

	model_copy(&r->before, &r->now);
	if (is_name)
		name_step(r);
	else
		data_step(r);
	if (commits(r) == before)
		return;
	for (int i = 0; i < NODES; i++)
		r->before.n[i].durable = true;
	model_copy(&r->safe, &r->before);
}

static void step(struct run *r)
{
	size_t what = seed_below(&r->rnd, 1000);

	if (what < 40)
		do_fsync(r);
	else if (what < 50)
		do_commit(r);
	else if (what < 55)
		do_reopen(r);
	else if (what < 62)
		do_crash(r);
	else if (what < 64)
		do_seal(r);
	else if (what < 66)
		assert_int_equal(volume_env_fsck(&r->e), 0);
	else
		change_step(r, what < 500);
	if (what >= 64 && what < 66)
		all_durable(r); /* fsck commits */
}

static void test_model(void **state)
{
	static struct run r;
	const char *count = getenv("CDX_COUNT");
	unsigned steps = count != NULL ? (unsigned)atoi(count) : 3000;

	(void)state;
	r.rnd = seed_start("volume model");
	volume_env_new(&r.e, 0);
	(void)node_new(&r, CDX_ROOT_INO, S_IFDIR | 0755, 0);
	all_durable(&r);
	for (r.step = 0; r.step < steps; r.step++)
		step(&r);
	compare_all(&r);
	assert_int_equal(volume_env_fsck(&r.e), 0);
	volume_env_free(&r.e);
	model_free(&r.now);
	model_free(&r.safe);
	model_free(&r.before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("volume_model", tests, NULL, NULL);
}
