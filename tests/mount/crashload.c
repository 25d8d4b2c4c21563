/* SPDX-License-Identifier: Apache-2.0 OR MIT */
/*
 * Load for the crash suite.
 *
 *   crashload load MNT NAME LEDGER SEED  works in the new folder MNT/NAME
 *                                        until an operation fails (the mount
 *                                        was killed), then exits 0
 *   crashload verify MNT NAME LEDGER     compares MNT/NAME with the ledger
 *
 * Every thread owns a folder with a few files.  Before an operation it writes
 * what it is about to do into its ledger, which lies outside the mount, and
 * afterwards that it is durable.  So at most one operation a thread is in
 * doubt after a crash, and what each may have left is known:
 *
 *   replace  new file, fsync, rename over, fsync of the folder: old or new
 *   swap     new file, rename over, fsync of the folder alone: old or new,
 *            never torn
 *   block    4 KiB overwritten, fsync: that block is old or new
 *   append   fsync: old, or old and a prefix of the new bytes
 *   unlink   fsync of the folder: old or gone
 *
 * A file is blocks of 4 KiB; the bytes of a block follow from the slot, its
 * number and a version, so the ledger only holds versions.
 */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#define THREADS 4
#define SLOTS 6
#define BLOCK 4096u
#define MAX_BLOCKS 96u

enum op {
	OP_NONE,
	OP_REPLACE,
	OP_SWAP,
	OP_BLOCK,
	OP_APPEND,
	OP_UNLINK,
};

static const char *const op_name[] = {"nothing", "replace", "swap",
				      "block",	 "append",  "unlink"};

/* What a file holds: versions of its blocks, and its length in bytes */
struct content {
	bool exists;
	uint32_t size;
	uint32_t version[MAX_BLOCKS];
};

/* One ledger record; written whole */
struct record {
	uint32_t magic;
	uint32_t slot;
	uint32_t op;
	uint32_t done; /* 0: about to, 1: durable */
	struct content after;
};
#define MAGIC 0x43445843u

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static void fill_block(uint8_t out[BLOCK], unsigned thread, unsigned slot,
		       unsigned block, uint32_t version)
{
	uint64_t s = mix(((uint64_t)thread << 56) ^ ((uint64_t)slot << 48) ^
			 ((uint64_t)block << 32) ^ version ^ 1);

	for (unsigned i = 0; i < BLOCK; i += 8) {
		s = mix(s + UINT64_C(0x9e3779b97f4a7c15));
		memcpy(out + i, &s, 8);
	}
}

struct worker {
	unsigned thread;
	uint64_t rng;
	const char *dir;
	int ledger;
	struct content slot[SLOTS];
	enum op last[SLOTS]; /* verify: what made it durable */
};

static uint32_t next_random(struct worker *w, uint32_t n)
{
	w->rng = mix(w->rng + UINT64_C(0x9e3779b97f4a7c15));
	return (uint32_t)(w->rng >> 11) % n;
}

static void path_of(const struct worker *w, unsigned slot, const char *suffix,
		    char out[512])
{
	snprintf(out, 512, "%s/t%u/f%u%s", w->dir, w->thread, slot, suffix);
}

static void ledger_write(struct worker *w, unsigned slot, enum op op, bool done,
			 const struct content *after)
{
	struct record r = {.magic = MAGIC,
			   .slot = slot,
			   .op = op,
			   .done = done,
			   .after = *after};

	if (write(w->ledger, &r, sizeof(r)) != (ssize_t)sizeof(r)) {
		perror("ledger");
		exit(3);
	}
}

static int write_range(const struct worker *w, int fd, unsigned slot,
		       const struct content *c, uint32_t from, uint32_t to)
{
	uint8_t b[BLOCK];

	while (from < to) {
		unsigned blk = from / BLOCK;
		uint32_t in = from % BLOCK;
		uint32_t n = BLOCK - in < to - from ? BLOCK - in : to - from;

		fill_block(b, w->thread, slot, blk, c->version[blk]);
		if (pwrite(fd, b + in, n, from) != (ssize_t)n)
			return -1;
		from += n;
	}
	return 0;
}

static int fsync_dir(const struct worker *w)
{
	char path[512];
	int fd;
	int rc;

	snprintf(path, sizeof(path), "%s/t%u", w->dir, w->thread);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	if (fd < 0)
		return -1;
	rc = fsync(fd);
	close(fd);
	return rc;
}

static int do_replace(struct worker *w, unsigned slot, const struct content *c,
		      bool sync)
{
	char tmp[512];
	char path[512];
	int fd;

	path_of(w, slot, ".tmp", tmp);
	path_of(w, slot, "", path);
	fd = open(tmp, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0)
		return -1;
	if (write_range(w, fd, slot, c, 0, c->size) < 0 ||
	    (sync && fsync(fd) < 0) || close(fd) < 0) {
		close(fd);
		return -1;
	}
	if (rename(tmp, path) < 0)
		return -1;
	return sync ? fsync_dir(w) : 0;
}

static int do_write(struct worker *w, unsigned slot, const struct content *c,
		    uint32_t from, uint32_t to)
{
	char path[512];
	int fd;
	int rc;

	path_of(w, slot, "", path);
	fd = open(path, O_RDWR);
	if (fd < 0)
		return -1;
	rc = write_range(w, fd, slot, c, from, to);
	if (rc == 0)
		rc = fsync(fd);
	if (close(fd) < 0)
		rc = -1;
	return rc;
}

static int do_unlink(struct worker *w, unsigned slot)
{
	char path[512];

	path_of(w, slot, "", path);
	if (unlink(path) < 0)
		return -1;
	return fsync_dir(w);
}

static enum op choose(struct worker *w, const struct content *c)
{
	uint32_t r = next_random(w, 100);

	/* only a rename onto an existing file promises its data */
	if (!c->exists)
		return OP_REPLACE;
	if (r < 35)
		return OP_BLOCK;
	if (r < 60)
		return OP_APPEND;
	if (r < 75)
		return OP_REPLACE;
	return r < 92 ? OP_SWAP : OP_UNLINK;
}

static int step(struct worker *w)
{
	unsigned slot = next_random(w, SLOTS);
	struct content *cur = &w->slot[slot];
	struct content c = *cur;
	enum op op = choose(w, cur);
	uint32_t from = 0;
	uint32_t to = 0;
	int rc = -1;

	if (op == OP_APPEND && c.size > (MAX_BLOCKS - 20) * BLOCK)
		op = OP_REPLACE;
	if ((op == OP_BLOCK) && c.size < BLOCK)
		op = OP_REPLACE;
	switch (op) {
	case OP_REPLACE:
	case OP_SWAP:
		c.exists = true;
		c.size = 1 + next_random(w, (MAX_BLOCKS - 20) * BLOCK);
		for (unsigned i = 0; i < MAX_BLOCKS; i++)
			c.version[i]++;
		break;
	case OP_BLOCK:
		from = next_random(w, c.size / BLOCK) * BLOCK;
		to = from + BLOCK;
		c.version[from / BLOCK]++;
		break;
	case OP_APPEND:
		from = c.size;
		c.size += 1 + next_random(w, 16 * BLOCK);
		to = c.size;
		break;
	case OP_UNLINK:
		c.exists = false;
		c.size = 0;
		break;
	case OP_NONE:
		return -1;
	}
	ledger_write(w, slot, op, false, &c);
	if (op == OP_REPLACE || op == OP_SWAP)
		rc = do_replace(w, slot, &c, op == OP_REPLACE);
	else if (op == OP_UNLINK)
		rc = do_unlink(w, slot);
	else
		rc = do_write(w, slot, &c, from, to);
	if (rc < 0)
		return -1;
	/* the folder alone is synced: the log must bring the data along */
	if (op == OP_SWAP)
		rc = fsync_dir(w);
	if (rc < 0)
		return -1;
	ledger_write(w, slot, op, true, &c);
	*cur = c;
	return 0;
}

static void *work(void *arg)
{
	struct worker *w = arg;
	char path[512];

	snprintf(path, sizeof(path), "%s/t%u", w->dir, w->thread);
	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return NULL;
	while (step(w) == 0)
		;
	return NULL;
}

/* ---- verify ---- */

static int read_file(const char *path, uint8_t *out, size_t cap, ssize_t *len)
{
	int fd = open(path, O_RDONLY);
	size_t n = 0;
	ssize_t r;

	if (fd < 0)
		return -errno;
	while (n < cap && (r = read(fd, out + n, cap - n)) != 0) {
		if (r < 0) {
			close(fd);
			return -EIO;
		}
		n += (size_t)r;
	}
	close(fd);
	*len = (ssize_t)n;
	return 0;
}

/* Is the block at @off, of which @len bytes are there, as @c says? */
static bool block_is(const struct worker *w, unsigned slot, const uint8_t *have,
		     uint32_t len, uint32_t off, const struct content *c)
{
	uint8_t b[BLOCK];

	fill_block(b, w->thread, slot, off / BLOCK, c->version[off / BLOCK]);
	return memcmp(b, have, len < BLOCK ? len : BLOCK) == 0;
}

/* Do the first @len bytes of @have equal @c up to there? */
static bool prefix_is(const struct worker *w, unsigned slot,
		      const uint8_t *have, uint32_t len,
		      const struct content *c)
{
	for (uint32_t off = 0; off < len; off += BLOCK)
		if (!block_is(w, slot, have + off, len - off, off, c))
			return false;
	return true;
}

static bool is_content(const struct worker *w, unsigned slot,
		       const uint8_t *have, ssize_t len,
		       const struct content *c)
{
	if (!c->exists)
		return len < 0;
	return len == (ssize_t)c->size && prefix_is(w, slot, have, c->size, c);
}

static bool acceptable(const struct worker *w, unsigned slot,
		       const uint8_t *have, ssize_t len,
		       const struct content *old, enum op op,
		       const struct content *want)
{
	if (is_content(w, slot, have, len, old))
		return true;
	if (op == OP_NONE)
		return false;
	if (is_content(w, slot, have, len, want))
		return true;
	return op == OP_APPEND && len > (ssize_t)old->size &&
	       len < (ssize_t)want->size &&
	       prefix_is(w, slot, have, (uint32_t)len, want);
}

static void print_wrong_blocks(const struct worker *w, unsigned slot,
			       const uint8_t *have, uint32_t len,
			       const struct content *c)
{
	for (uint32_t off = 0; off < len; off += BLOCK)
		if (!block_is(w, slot, have + off, len - off, off, c))
			printf("  %u", off / BLOCK);
	puts(" (blocks that are not the durable ones)");
}

static unsigned verify_slot(const struct worker *w, unsigned slot, enum op op,
			    const struct content *want)
{
	static uint8_t have[MAX_BLOCKS * BLOCK + 1];
	const struct content *old = &w->slot[slot];
	ssize_t len = -1;
	char path[512];
	int rc;

	path_of(w, slot, "", path);
	rc = read_file(path, have, sizeof(have), &len);
	if (rc < 0 && rc != -ENOENT) {
		printf("%s: cannot be read: %s\n", path, strerror(-rc));
		return 1;
	}
	if (acceptable(w, slot, have, rc < 0 ? -1 : len, old, op, want))
		return 0;
	printf("%s: wrong after the crash: %zd bytes, last durable %s %u by "
	       "%s, in doubt %s (%u)\n",
	       path, rc < 0 ? -1 : len, old->exists ? "size" : "gone",
	       old->size, op_name[w->last[slot]], op_name[op], want->size);
	if (rc == 0 && old->exists)
		print_wrong_blocks(w, slot, have, (uint32_t)len, old);
	return 1;
}

static unsigned verify_thread(struct worker *w, const char *ledger)
{
	enum op op[SLOTS] = {OP_NONE};
	struct content want[SLOTS];
	struct record r;
	char path[512];
	unsigned bad = 0;
	unsigned durable = 0;
	int fd;

	snprintf(path, sizeof(path), "%s.%u", ledger, w->thread);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	memset(want, 0, sizeof(want));
	while (read(fd, &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		if (r.magic != MAGIC || r.slot >= SLOTS)
			break;
		if (r.done) {
			w->slot[r.slot] = r.after;
			w->last[r.slot] = (enum op)r.op;
			op[r.slot] = OP_NONE;
			durable++;
		} else {
			want[r.slot] = r.after;
			op[r.slot] = (enum op)r.op;
		}
	}
	close(fd);
	for (unsigned s = 0; s < SLOTS; s++)
		bad += verify_slot(w, s, op[s], &want[s]);
	printf("thread %u: %u durable operations, %u wrong files\n", w->thread,
	       durable, bad);
	return bad;
}

static int open_ledger(const char *ledger, unsigned thread)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s.%u", ledger, thread);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0644);
	if (fd < 0) {
		perror(path);
		exit(3);
	}
	return fd;
}

/* Works inside the mount by descriptor: once it is killed everything fails,
 * also when the bare folder below comes to light.  False: killed already. */
static bool enter(const char *dir)
{
	struct statfs st;
	int fd = open(dir, O_RDONLY | O_DIRECTORY);
	bool ok = fd >= 0 && fstatfs(fd, &st) == 0 &&
		  st.f_type == FUSE_SUPER_MAGIC && fchdir(fd) == 0;

	if (fd >= 0)
		close(fd);
	return ok;
}

int main(int argc, char **argv)
{
	static struct worker w[THREADS];
	pthread_t t[THREADS];
	unsigned bad = 0;
	bool load = argc == 6 && strcmp(argv[1], "load") == 0;

	if (!load && !(argc == 5 && strcmp(argv[1], "verify") == 0)) {
		fputs("usage: crashload load MNT NAME LEDGER SEED | verify MNT "
		      "NAME LEDGER\n",
		      stderr);
		return 2;
	}
	if (!enter(argv[2])) {
		puts("not mounted");
		return load ? 0 : 1;
	}
	if (load && mkdir(argv[3], 0755) < 0)
		return 0;
	for (unsigned i = 0; i < THREADS; i++) {
		w[i].thread = i;
		w[i].dir = argv[3];
		if (load) {
			w[i].rng = mix(strtoull(argv[5], NULL, 10) + i);
			w[i].ledger = open_ledger(argv[4], i);
			pthread_create(&t[i], NULL, work, &w[i]);
		} else {
			bad += verify_thread(&w[i], argv[4]);
		}
	}
	for (unsigned i = 0; load && i < THREADS; i++)
		pthread_join(t[i], NULL);
	return bad == 0 ? 0 : 1;
}
