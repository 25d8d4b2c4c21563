/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "store/ilog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/io.h"
#include "crypto/hash.h"

#define NAME "log"
#define FILE_VERSION 1u
#define FILE_HEAD_LEN (8u + 4u + CDX_STORE_ID_LEN + 8u)
#define ZERO_CHUNK 65536u
/* kept between flushes; a larger one is given back */
#define BUF_KEEP (1u << 20)

static const uint8_t file_magic[8] = {'C', 'D', 'X', 'L', 'O', 'G', '\r', '\n'};
static const uint8_t rec_magic[4] = {'C', 'D', 'X', 'R'};
static const uint8_t ad_label[16] = "codexfs log v1";

#define AD_LEN (sizeof(ad_label) + CDX_STORE_ID_LEN + CDX_ILOG_REC_HEAD)

void cdx_ilog_rec_encode(uint8_t out[CDX_ILOG_REC_HEAD],
			 const struct cdx_ilog_rec *r)
{
	memcpy(out, rec_magic, sizeof(rec_magic));
	cdx_put_be32(out + 4, r->body);
	cdx_put_be64(out + 8, r->group);
	cdx_put_be64(out + 16, r->seq);
	cdx_put_be64(out + 24, r->first);
	cdx_put_be64(out + 32, r->last);
}

int cdx_ilog_rec_decode(struct cdx_ilog_rec *out,
			const uint8_t in[CDX_ILOG_REC_HEAD])
{
	struct cdx_cursor c = cdx_cursor_init(in, CDX_ILOG_REC_HEAD);
	uint8_t magic[sizeof(rec_magic)];

	cdx_cursor_get(&c, magic, sizeof(magic));
	out->body = cdx_cursor_be32(&c);
	out->group = cdx_cursor_be64(&c);
	out->seq = cdx_cursor_be64(&c);
	out->first = cdx_cursor_be64(&c);
	out->last = cdx_cursor_be64(&c);
	if (memcmp(magic, rec_magic, sizeof(magic)) != 0 ||
	    out->body < CDX_SEAL_OVERHEAD || out->first > out->last)
		return CDX_E_FORMAT;
	return cdx_cursor_done(&c);
}

static void associated(uint8_t out[AD_LEN], const struct cdx_ilog *l,
		       const uint8_t head[CDX_ILOG_REC_HEAD])
{
	memcpy(out, ad_label, sizeof(ad_label));
	memcpy(out + sizeof(ad_label), l->id, sizeof(l->id));
	memcpy(out + sizeof(ad_label) + sizeof(l->id), head, CDX_ILOG_REC_HEAD);
}

/* ---- the file ---- */

static void file_head(uint8_t out[FILE_HEAD_LEN], uint64_t bytes,
		      const uint8_t id[CDX_STORE_ID_LEN])
{
	memcpy(out, file_magic, sizeof(file_magic));
	cdx_put_be32(out + 8, FILE_VERSION);
	memcpy(out + 12, id, CDX_STORE_ID_LEN);
	cdx_put_be64(out + 12 + CDX_STORE_ID_LEN, bytes);
}

/* Blocks that were written once are overwritten in place later: no block map
 * changes then, and fdatasync is one write.  fallocate alone would leave
 * extents that still have to be converted (docs/DESIGN.md "Log"). */
static int fill_zero(int fd, uint64_t bytes)
{
	static const uint8_t zero[ZERO_CHUNK];
	uint64_t off;
	size_t n;
	int r;

	for (off = 0; off < bytes; off += n) {
		n = bytes - off < ZERO_CHUNK ? (size_t)(bytes - off)
					     : ZERO_CHUNK;
		r = cdx_pwrite_full(fd, zero, n, (off_t)off);
		if (r < 0)
			return r;
	}
	return 0;
}

int cdx_ilog_create(int dirfd, uint64_t bytes,
		    const uint8_t id[CDX_STORE_ID_LEN])
{
	CDX_CLEANUP(cdx_closep) int fd = -1;
	uint8_t head[FILE_HEAD_LEN];
	int r;

	fd = openat(dirfd, NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	file_head(head, bytes, id);
	r = fill_zero(fd, bytes);
	if (!r)
		r = cdx_pwrite_full(fd, head, sizeof(head), 0);
	if (!r && fsync(fd) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, NAME, 0);
	return r;
}

int cdx_ilog_open(struct cdx_ilog *l, int dirfd, uint64_t bytes,
		  const uint8_t id[CDX_STORE_ID_LEN])
{
	uint8_t want[FILE_HEAD_LEN];
	uint8_t head[FILE_HEAD_LEN];
	struct stat st;
	int r;

	memset(l, 0, sizeof(*l));
	l->fd = openat(dirfd, NAME, O_RDWR | O_CLOEXEC);
	if (l->fd < 0)
		return errno == ENOENT ? CDX_E_CORRUPT : -errno;
	if (fstat(l->fd, &st) < 0)
		return -errno;
	r = cdx_pread_full(l->fd, head, sizeof(head), 0);
	if (r < 0)
		return r == -ENODATA ? CDX_E_CORRUPT : r;
	file_head(want, bytes, id);
	if (memcmp(head, want, sizeof(head)) != 0 ||
	    (uint64_t)st.st_size != bytes || bytes < CDX_ILOG_MIN ||
	    bytes % CDX_ILOG_ALIGN != 0)
		return CDX_E_CORRUPT;
	l->cap = bytes - CDX_ILOG_HEAD;
	memcpy(l->id, id, sizeof(l->id));
	return 0;
}

void cdx_ilog_close(struct cdx_ilog *l)
{
	cdx_close(&l->fd);
	if (l->buf)
		cdx_wipe(l->buf, l->buf_cap);
	free(l->buf);
	cdx_wipe(&l->key, sizeof(l->key));
	l->buf = NULL;
	l->buf_cap = 0;
}

/* ---- writing ---- */

uint64_t cdx_ilog_rec_len(uint64_t plain)
{
	uint64_t n = CDX_ILOG_REC_HEAD + CDX_SEAL_OVERHEAD + plain;

	return (n + CDX_ILOG_ALIGN - 1) & ~(uint64_t)(CDX_ILOG_ALIGN - 1);
}

int cdx_ilog_place(struct cdx_ilog *l, uint64_t *pos, uint64_t len)
{
	uint64_t lap = l->cap - l->head % l->cap;
	uint64_t at = l->head;

	if (len > l->cap / 4)
		return -EMSGSIZE;
	if (len > lap)
		at += lap;
	if (at + len - l->tail > l->cap)
		return -ENOSPC;
	*pos = at;
	l->head = at + len;
	l->seq++;
	return 0;
}

int cdx_ilog_buffer(struct cdx_ilog *l, uint8_t **plain, uint64_t len,
		    size_t plain_len)
{
	size_t want = (size_t)len + plain_len;
	uint8_t *p;

	if (want > l->buf_cap || (l->buf_cap > BUF_KEEP && want < BUF_KEEP)) {
		if (want < BUF_KEEP)
			want = BUF_KEEP;
		p = malloc(want);
		if (!p)
			return -ENOMEM;
		if (l->buf)
			cdx_wipe(l->buf, l->buf_cap);
		free(l->buf);
		l->buf = p;
		l->buf_cap = want;
	}
	*plain = l->buf + len;
	return 0;
}

void cdx_ilog_seal(const struct cdx_ilog *l, uint8_t *out,
		   struct cdx_ilog_rec *r, const uint8_t *plain, size_t len)
{
	uint64_t total = cdx_ilog_rec_len(len);
	size_t end = CDX_ILOG_REC_HEAD + CDX_SEAL_OVERHEAD + len;
	uint8_t ad[AD_LEN];

	r->body = (uint32_t)(CDX_SEAL_OVERHEAD + len);
	cdx_ilog_rec_encode(out, r);
	associated(ad, l, out);
	cdx_seal(out + CDX_ILOG_REC_HEAD, &l->key, plain, len, ad, sizeof(ad));
	memset(out + end, 0, (size_t)total - end);
}

/* ---- reading ---- */

static int read_at(const struct cdx_ilog *l, struct cdx_ilog_rec *out,
		   struct cdx_buf *body, uint64_t pos, uint64_t seq)
{
	CDX_CLEANUP(cdx_freep) uint8_t *sealed = NULL;
	uint64_t left = l->cap - pos % l->cap;
	off_t off = (off_t)(CDX_ILOG_HEAD + pos % l->cap);
	uint8_t head[CDX_ILOG_REC_HEAD];
	uint8_t ad[AD_LEN];
	uint8_t *p;
	int r;

	r = cdx_pread_full(l->fd, head, sizeof(head), off);
	if (r < 0)
		return r;
	if (cdx_ilog_rec_decode(out, head) < 0 || out->seq != seq ||
	    out->body > l->cap / 4 || out->body + sizeof(head) > left)
		return 0;
	sealed = malloc(out->body);
	if (!sealed)
		return -ENOMEM;
	r = cdx_pread_full(l->fd, sealed, out->body, off + (off_t)sizeof(head));
	if (r < 0)
		return r;
	body->len = 0;
	p = cdx_buf_extend(body, out->body - CDX_SEAL_OVERHEAD);
	if (!p)
		return cdx_buf_ok(body) < 0 ? -ENOMEM : 0;
	associated(ad, l, head);
	r = cdx_unseal(p, &l->key, sealed, out->body, ad, sizeof(ad));
	return r < 0 ? 0 : 1;
}

/* Start of the lap after the one @pos is in; @pos when it is a start itself */
static uint64_t next_lap(const struct cdx_ilog *l, uint64_t pos)
{
	uint64_t in = pos % l->cap;

	return in ? pos + (l->cap - in) : pos;
}

int cdx_ilog_read(const struct cdx_ilog *l, uint64_t *pos,
		  struct cdx_ilog_rec *out, struct cdx_buf *body, uint64_t seq)
{
	uint64_t at = *pos;
	int r = read_at(l, out, body, at, seq);

	if (r == 0 && next_lap(l, at) != at) {
		at = next_lap(l, at);
		r = read_at(l, out, body, at, seq);
	}
	if (r > 0)
		*pos = at + cdx_ilog_rec_len(out->body - CDX_SEAL_OVERHEAD);
	return r;
}

int cdx_ilog_body_next(struct cdx_cursor *c, const uint8_t **p, size_t *len)
{
	if (c->left == 0 && !c->fail)
		return 0;
	*len = cdx_cursor_be32(c);
	*p = cdx_cursor_take(c, *len);
	return cdx_cursor_ok(c) < 0 ? CDX_E_FORMAT : 1;
}

static int peek_at(const struct cdx_ilog *l, uint64_t pos, uint64_t seq)
{
	uint8_t head[CDX_ILOG_REC_HEAD];
	struct cdx_ilog_rec rec;
	int r;

	r = cdx_pread_full(l->fd, head, sizeof(head),
			   (off_t)(CDX_ILOG_HEAD + pos % l->cap));
	if (r < 0)
		return r;
	return cdx_ilog_rec_decode(&rec, head) == 0 && rec.seq == seq;
}

int cdx_ilog_peek(const struct cdx_ilog *l, uint64_t pos, uint64_t seq)
{
	int r = peek_at(l, pos, seq);

	return r ? r : peek_at(l, next_lap(l, pos), seq);
}

int cdx_ilog_cut(const struct cdx_ilog *l, uint64_t pos, uint64_t seq, bool dry)
{
	static const uint8_t zero[CDX_ILOG_REC_HEAD];
	/* the next begins behind one record and the rest of a lap at most,
	 * which are a quarter of the log each */
	const uint64_t step = l->cap / 2 + CDX_ILOG_ALIGN;
	uint64_t reach = step;
	uint8_t head[CDX_ILOG_REC_HEAD];
	struct cdx_ilog_rec rec;
	uint64_t at;
	int n = 0;
	int r = 0;

	for (at = 0; at < reach && at < l->cap; at += CDX_ILOG_ALIGN) {
		off_t off = (off_t)(CDX_ILOG_HEAD + (pos + at) % l->cap);

		r = cdx_pread_full(l->fd, head, sizeof(head), off);
		if (r < 0)
			return r;
		if (cdx_ilog_rec_decode(&rec, head) < 0 || rec.seq <= seq ||
		    rec.seq - seq > l->cap / CDX_ILOG_ALIGN)
			continue;
		n++;
		reach = at + step;
		if (!dry)
			r = cdx_pwrite_full(l->fd, zero, sizeof(zero), off);
		if (r < 0)
			return r;
	}
	if (n > 0 && !dry && fdatasync(l->fd) < 0)
		return -errno;
	return n;
}
