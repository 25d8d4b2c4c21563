/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <inttypes.h>
#include <liberasurecode/erasurecode.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "erasure/ec_ops.h"
#include "erasure/isal.h"

/*
 * The library wants an 80-byte header in front of every fragment, and makes
 * fragments that have one.  Without its checksums the header of column i is
 * the same for every step of a geometry, so that it is taken once, and put
 * before copies of the blocks when fragments go in.  Parity comes out as
 * pointers behind headers, without a copy.
 *
 * The library says what the parity of a codec is.  Parity of isa_l_rs_cauchy
 * is then made by ISA-L directly, when it gives the same.
 */

/* The library counts the bytes of a step in an int. */
#define STEP_MAX ((uint64_t)1 << 30)

#define HEADER sizeof(fragment_header_t)
/* Fragments in scratch memory: what is coded begins at a cache line */
#define LINE 64u
#define FRAGMENT_AT (2 * LINE - HEADER)
/* bytes of a block that tell one matrix from another beyond doubt */
#define PROBE_MIN 512u

static const struct backend {
	ec_backend_id_t id;
	int w;		  /* bits of a symbol; parity depends on it */
	uint32_t unit;	  /* block sizes are multiples of it, bytes */
	bool kept;	  /* instances are not destroyed */
	const char *from; /* where the library finds it */
} backends[CDX_EC_CODECS] = {
	[CDX_EC_ISA_L_CAUCHY] = {EC_BACKEND_ISA_L_RS_CAUCHY, 8, 1, false,
				 "ISA-L (libisal.so.2, package libisal2)"},
	[CDX_EC_ISA_L_VAND] = {EC_BACKEND_ISA_L_RS_VAND, 8, 1, false,
			       "ISA-L (libisal.so.2, package libisal2)"},
	[CDX_EC_LIBEC_VAND] = {EC_BACKEND_LIBERASURECODE_RS_VAND, 16, 2, true,
			       "liberasurecode (liberasurecode_rs_vand.so.1)"},
	[CDX_EC_JERASURE_VAND] = {EC_BACKEND_JERASURE_RS_VAND, 16, 2, true,
				  "Jerasure (libJerasure.so.2, package "
				  "libjerasure2)"},
	/* the default of 4 bits has room for 16 columns only */
	[CDX_EC_JERASURE_CAUCHY] = {EC_BACKEND_JERASURE_RS_CAUCHY, 8, 8192,
				    true,
				    "Jerasure (libJerasure.so.2, package "
				    "libjerasure2)"},
};

struct libec {
	int desc;
	struct ec_isal *isal; /* NULL: parity is made by the library */
	fragment_header_t header[CDX_EC_COLUMNS_MAX];
};

/* Version 1.6 looks up a descriptor in its list without a lock while another
 * thread may be taking one out of it: instances come and go under the write
 * lock, everything else runs under the read lock.  Writers go first, or a busy
 * pool would keep them out. */
static pthread_rwlock_t instances =
	PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

/* Instances of codecs whose tables belong to all of them:
 * liberasurecode_rs_vand frees the tables with any instance (before 1.6.5),
 * Jerasure throws them away and makes them again without a lock.  One for each
 * geometry is made once and stays.  Guarded by the lock above; 0: none yet. */
static int kept[CDX_EC_CODECS][CDX_EC_COLUMNS_MAX][CDX_EC_COLUMNS_MAX];

static const struct libec *libec(const struct cdx_ec *ec)
{
	return ec->priv;
}

static int result(int r)
{
	if (r >= 0)
		return 0;
	return r == -ENOMEM ? -ENOMEM : CDX_E_CODEC;
}

static int check(uint32_t codec, uint32_t k, uint32_t m, uint32_t block_size,
		 char why[CDX_EC_WHY_MAX])
{
	const struct backend *b = &backends[codec];

	if (codec == CDX_EC_ISA_L_VAND && m > 4) {
		snprintf(why, CDX_EC_WHY_MAX,
			 "isa_l_rs_vand cannot decode every loss of %" PRIu32
			 " columns; it is used for m of at most 4, "
			 "isa_l_rs_cauchy has no such limit",
			 m);
		return -EINVAL;
	}
	if (block_size % b->unit) {
		snprintf(why, CDX_EC_WHY_MAX,
			 "the block size is %" PRIu32 " bytes; %s needs a "
			 "multiple of %" PRIu32,
			 block_size, cdx_ec_name(codec), b->unit);
		return -EINVAL;
	}
	if ((uint64_t)k * block_size > STEP_MAX) {
		snprintf(why, CDX_EC_WHY_MAX,
			 "%" PRIu32 " blocks of %" PRIu32 " bytes are more "
			 "than 1 GiB, too much to be coded at once",
			 k, block_size);
		return -EINVAL;
	}
	if (!liberasurecode_backend_available(b->id)) {
		snprintf(why, CDX_EC_WHY_MAX, "%s needs %s, which is not here",
			 cdx_ec_name(codec), b->from);
		return CDX_E_CODEC;
	}
	return 0;
}

/* ---- parity by the library ---- */

static int libec_encode(const struct cdx_ec *ec, struct cdx_ec_parity *out,
			const uint8_t *stripe)
{
	const struct libec *l = libec(ec);
	char **data = NULL;
	char **parity = NULL;
	uint64_t len = 0;
	int r;

	pthread_rwlock_rdlock(&instances);
	r = liberasurecode_encode(l->desc, (const char *)stripe,
				  (uint64_t)ec->k * ec->block_size, &data,
				  &parity, &len);
	pthread_rwlock_unlock(&instances);
	if (r < 0)
		return result(r);
	/* without memory for these arrays it reports success */
	if (!data || !parity)
		return -ENOMEM;
	out->priv[0] = data;
	out->priv[1] = parity;
	for (uint32_t j = 0; j < ec->m; j++)
		out->block[j] = (const uint8_t *)parity[j] + HEADER;
	return len == HEADER + ec->block_size ? 0 : CDX_E_CODEC;
}

static void libec_parity_free(const struct cdx_ec *ec, struct cdx_ec_parity *p)
{
	pthread_rwlock_rdlock(&instances);
	liberasurecode_encode_cleanup(libec(ec)->desc, p->priv[0], p->priv[1]);
	pthread_rwlock_unlock(&instances);
}

/* ---- parity, the short way where it is the same ---- */

static int encode(const struct cdx_ec *ec, struct cdx_ec_parity *out,
		  const uint8_t *stripe)
{
	const struct libec *l = libec(ec);
	uint8_t *parity;

	if (!l->isal)
		return libec_encode(ec, out, stripe);
	if (posix_memalign(&out->priv[0], LINE,
			   (size_t)ec->m * ec->block_size) != 0) {
		out->priv[0] = NULL;
		return -ENOMEM;
	}
	parity = out->priv[0];
	ec_isal_encode(l->isal, parity, stripe, ec->block_size);
	for (uint32_t j = 0; j < ec->m; j++)
		out->block[j] = parity + (size_t)j * ec->block_size;
	return 0;
}

static void parity_free(const struct cdx_ec *ec, struct cdx_ec_parity *p)
{
	if (libec(ec)->isal)
		free(p->priv[0]);
	else
		libec_parity_free(ec, p);
}

/* A step in which every column says something of its own: byte n is bits of
 * n times an odd constant. */
static uint8_t *probe(const struct cdx_ec *ec)
{
	size_t len = (size_t)ec->k * ec->block_size;
	uint8_t *stripe = malloc(len);

	for (size_t n = 0; stripe && n < len; n++)
		stripe[n] = (uint8_t)((n * UINT64_C(0x9e3779b97f4a7c15)) >> 56);
	return stripe;
}

/* Does ISA-L alone give what the library has given for @stripe? */
static bool same_parity(const struct cdx_ec *ec, const struct ec_isal *isal,
			const struct cdx_ec_parity *want, const uint8_t *stripe)
{
	uint8_t *parity = malloc((size_t)ec->m * ec->block_size);
	bool same = parity != NULL;

	if (same)
		ec_isal_encode(isal, parity, stripe, ec->block_size);
	for (uint32_t j = 0; same && j < ec->m; j++)
		same = memcmp(want->block[j],
			      parity + (size_t)j * ec->block_size,
			      ec->block_size) == 0;
	free(parity);
	return same;
}

/* From one step: the headers of all columns, and whether parity can be had
 * the short way, which blocks of a few bytes would not tell. */
static int probe_instance(struct cdx_ec *ec, struct libec *l)
{
	struct cdx_ec_parity p = {0};
	uint8_t *stripe = probe(ec);
	char *const *data;
	char *const *parity;
	int r = stripe ? libec_encode(ec, &p, stripe) : -ENOMEM;

	data = p.priv[0];
	parity = p.priv[1];
	for (uint32_t i = 0; r == 0 && i < ec->k + ec->m; i++)
		memcpy(&l->header[i], i < ec->k ? data[i] : parity[i - ec->k],
		       HEADER);
	if (r == 0 && ec->codec == CDX_EC_ISA_L_CAUCHY &&
	    ec->block_size >= PROBE_MIN) {
		struct ec_isal *isal = ec_isal_new(ec->k, ec->m);

		if (isal && same_parity(ec, isal, &p, stripe))
			l->isal = isal;
		else
			ec_isal_free(isal);
	}
	if (p.priv[0])
		libec_parity_free(ec, &p);
	free(stripe);
	return r;
}

/* ---- instances ---- */

static void close_instance(struct cdx_ec *ec)
{
	struct libec *l = ec->priv;

	if (!backends[ec->codec].kept) {
		pthread_rwlock_wrlock(&instances);
		liberasurecode_instance_destroy(l->desc);
		pthread_rwlock_unlock(&instances);
	}
	ec_isal_free(l->isal);
	free(l);
}

/* A descriptor, or what the library says, 0 or less */
static int instance(const struct cdx_ec *ec)
{
	const struct backend *b = &backends[ec->codec];
	int *old = &kept[ec->codec][ec->k][ec->m];
	struct ec_args args = {
		.k = (int)ec->k,
		.m = (int)ec->m,
		.w = b->w,
		.hd = (int)ec->m + 1,
		.ct = CHKSUM_NONE,
	};
	int desc;

	pthread_rwlock_wrlock(&instances);
	desc = *old;
	if (desc == 0)
		desc = liberasurecode_instance_create(b->id, &args);
	if (desc > 0 && b->kept)
		*old = desc;
	pthread_rwlock_unlock(&instances);
	return desc;
}

static int open_instance(struct cdx_ec *ec)
{
	struct libec *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->desc = instance(ec);
	if (l->desc <= 0) {
		r = l->desc == -ENOMEM ? -ENOMEM : CDX_E_CODEC;
		free(l);
		return r;
	}
	ec->priv = l;
	r = probe_instance(ec, l);
	if (r < 0)
		close_instance(ec);
	return r;
}

/* ---- from fragments to blocks ---- */

/* Blocks behind their headers, as the library takes them */
struct fragments {
	char *p[CDX_EC_COLUMNS_MAX + 1];
	unsigned n;
	uint8_t *memory;
};

static size_t fragment_len(const struct cdx_ec *ec)
{
	return HEADER + ec->block_size;
}

/* Room for @max fragments */
static int fragments_begin(struct fragments *f, const struct cdx_ec *ec,
			   unsigned max)
{
	size_t stride = (FRAGMENT_AT + fragment_len(ec) + LINE - 1) & -LINE;

	f->n = 0;
	f->memory = aligned_alloc(LINE, max * stride);
	if (!f->memory)
		return -ENOMEM;
	for (unsigned i = 0; i < max; i++)
		f->p[i] = (char *)f->memory + i * stride + FRAGMENT_AT;
	return 0;
}

static void fragments_add(struct fragments *f, const struct cdx_ec *ec,
			  uint32_t column, const uint8_t *block)
{
	char *p = f->p[f->n++];

	memcpy(p, &libec(ec)->header[column], HEADER);
	memcpy(p + HEADER, block, ec->block_size);
}

static int rebuild(const struct cdx_ec *ec, uint8_t *out, uint32_t want,
		   const uint8_t *const *blocks)
{
	struct fragments f;
	int r = fragments_begin(&f, ec, ec->k + 1);

	if (r < 0)
		return r;
	for (uint32_t i = 0; f.n < ec->k; i++)
		if (i != want && blocks[i])
			fragments_add(&f, ec, i, blocks[i]);
	pthread_rwlock_rdlock(&instances);
	r = liberasurecode_reconstruct_fragment(libec(ec)->desc, f.p, (int)f.n,
						fragment_len(ec), (int)want,
						f.p[f.n]);
	pthread_rwlock_unlock(&instances);
	if (r == 0)
		memcpy(out, f.p[f.n] + HEADER, ec->block_size);
	free(f.memory);
	return result(r);
}

static int decode(const struct cdx_ec *ec, uint8_t *out,
		  const uint8_t *const *blocks)
{
	uint64_t want = (uint64_t)ec->k * ec->block_size;
	struct fragments f;
	char *all = NULL;
	uint64_t len = 0;
	int r = fragments_begin(&f, ec, ec->k + ec->m);

	if (r < 0)
		return r;
	/* Parity that is not handed in is computed as well. */
	for (uint32_t i = 0; i < ec->k + ec->m; i++)
		if (blocks[i])
			fragments_add(&f, ec, i, blocks[i]);
	pthread_rwlock_rdlock(&instances);
	r = liberasurecode_decode(libec(ec)->desc, f.p, (int)f.n,
				  fragment_len(ec), 0, &all, &len);
	pthread_rwlock_unlock(&instances);
	free(f.memory);
	r = r == 0 && (!all || len != want) ? CDX_E_CODEC : result(r);
	for (uint32_t i = 0; r == 0 && i < ec->k; i++) {
		size_t at = (size_t)i * ec->block_size;

		if (!blocks[i])
			memcpy(out + at, all + at, ec->block_size);
	}
	free(all);
	return r;
}

const struct ec_ops ec_liberasurecode_ops = {
	.check = check,
	.open = open_instance,
	.close = close_instance,
	.encode = encode,
	.parity_free = parity_free,
	.rebuild = rebuild,
	.decode = decode,
};
