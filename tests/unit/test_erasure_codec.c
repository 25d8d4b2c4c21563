/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "erasure/codec.h"
#include "tests/unit/seed.h"

/* One coded step: all columns, k data ones first */
struct step {
	struct cdx_ec *ec;
	uint32_t k;
	uint32_t m;
	uint32_t size; /* bytes of a block */
	uint8_t *columns;
	uint8_t *out; /* room for k blocks */
};

static const uint8_t *column(const struct step *s, uint32_t i)
{
	return s->columns + (size_t)i * s->size;
}

/* Columns of parity behind the data that is there */
static void encode(struct step *s)
{
	struct cdx_ec_parity p;

	assert_int_equal(cdx_ec_encode(s->ec, &p, s->columns), 0);
	for (uint32_t j = 0; j < s->m; j++)
		memcpy(s->columns + (size_t)(s->k + j) * s->size, p.block[j],
		       s->size);
	cdx_ec_parity_free(s->ec, &p);
	assert_null(p.block[0]);
}

static void step_begin(struct step *s, uint32_t codec, uint32_t k, uint32_t m,
		       uint32_t size)
{
	*s = (struct step){.k = k, .m = m, .size = size};
	assert_int_equal(cdx_ec_new(&s->ec, codec, k, m, size), 0);
	s->columns = malloc((size_t)(k + m) * size);
	s->out = malloc((size_t)k * size);
	assert_non_null(s->columns);
	assert_non_null(s->out);
}

static void step_random(struct step *s, struct seed *seed)
{
	seed_fill(seed, s->columns, (size_t)s->k * s->size);
	encode(s);
}

static void step_end(struct step *s)
{
	cdx_ec_free(s->ec);
	free(s->columns);
	free(s->out);
}

/* True for a codec whose library is on this machine */
static bool had(uint32_t codec)
{
	char why[CDX_EC_WHY_MAX];
	int r = cdx_ec_check(codec, 2, 2, 65536, why);

	if (r == 0)
		return true;
	assert_int_equal(r, CDX_E_CODEC);
	print_message("without %s: %s\n", cdx_ec_name(codec), why);
	return false;
}

/* Without the columns of the bitmap, decode and rebuild of each of them, give
 * what was lost.  false: -ENODATA, as it must be beyond m. */
static void check_lost(struct step *s, uint32_t lost)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX];
	bool can = (uint32_t)__builtin_popcount(lost) <= s->m;
	int r;

	for (uint32_t i = 0; i < s->k + s->m; i++)
		blocks[i] = lost >> i & 1 ? NULL : column(s, i);
	memset(s->out, 0x5a, (size_t)s->k * s->size);
	r = cdx_ec_decode(s->ec, s->out, blocks);
	assert_int_equal(r, can ? 0 : -ENODATA);
	if (can && memcmp(s->out, s->columns, (size_t)s->k * s->size) != 0)
		fail_msg("k %u m %u size %u lost %x: decode", s->k, s->m,
			 s->size, lost);
	for (uint32_t i = 0; i < s->k + s->m; i++) {
		if (!(lost >> i & 1))
			continue;
		memset(s->out, 0x5a, s->size);
		r = cdx_ec_rebuild(s->ec, s->out, i, blocks);
		assert_int_equal(r, can ? 0 : -ENODATA);
		if (can && memcmp(s->out, column(s, i), s->size) != 0)
			fail_msg("k %u m %u size %u lost %x: column %u", s->k,
				 s->m, s->size, lost, i);
	}
}

/* ---- what is lost comes back ---- */

/* Every loss of up to m columns, for every k + m <= 12 */
static void every_pattern(void **state)
{
	struct seed seed = seed_start("every_pattern");
	unsigned long patterns = 0;

	(void)state;
	for (uint32_t k = 1; k <= 11; k++) {
		for (uint32_t m = 1; k + m <= 12; m++) {
			struct step s;

			step_begin(&s, CDX_EC_ISA_L_CAUCHY, k, m, 72);
			step_random(&s, &seed);
			for (uint32_t lost = 0; lost < 1u << (k + m); lost++) {
				if ((uint32_t)__builtin_popcount(lost) > m)
					continue;
				check_lost(&s, lost);
				patterns++;
			}
			step_end(&s);
		}
	}
	print_message("%lu patterns\n", patterns);
}

/* @n of @columns, at random */
static uint32_t some(struct seed *seed, uint32_t columns, uint32_t n)
{
	uint32_t set = 0;

	while ((uint32_t)__builtin_popcount(set) < n)
		set |= 1u << seed_below(seed, columns);
	return set;
}

static void random_patterns(void **state)
{
	static const uint32_t sizes[] = {1, 2, 63, 64, 1000, 1024};
	struct seed seed = seed_start("random_patterns");

	(void)state;
	for (unsigned round = 0; round < 400; round++) {
		uint32_t columns = 13 + (uint32_t)seed_below(&seed, 20);
		uint32_t k = 1 + (uint32_t)seed_below(&seed, columns - 1);
		uint32_t m = columns - k;
		struct step s;

		/* the widest ones more often */
		if (round % 8 == 0) {
			columns = CDX_EC_COLUMNS_MAX;
			m = columns - k;
		}
		step_begin(&s, CDX_EC_ISA_L_CAUCHY, k, m,
			   sizes[round % CDX_ARRAY_LEN(sizes)]);
		step_random(&s, &seed);
		for (unsigned i = 0; i < 6; i++) {
			uint32_t n =
				i < 3 ? m : (uint32_t)seed_below(&seed, m + 1);

			check_lost(&s, some(&seed, columns, n));
		}
		check_lost(&s, some(&seed, columns, m + 1));
		step_end(&s);
	}
}

static void block_sizes(void **state)
{
	static const uint32_t sizes[] = {1,    2,    63,   64,	  1000,
					 1024, 4095, 4096, 65536, 100003};
	static const uint32_t shapes[][2] = {{1, 1},  {1, 3}, {2, 1}, {4, 2},
					     {10, 5}, {3, 9}, {17, 3}};
	struct seed seed = seed_start("block_sizes");

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(sizes); i++) {
		for (size_t j = 0; j < CDX_ARRAY_LEN(shapes); j++) {
			uint32_t k = shapes[j][0];
			uint32_t m = shapes[j][1];
			struct step s;

			step_begin(&s, CDX_EC_ISA_L_CAUCHY, k, m, sizes[i]);
			step_random(&s, &seed);
			check_lost(&s, 0);
			check_lost(&s, some(&seed, k + m, 1));
			check_lost(&s, some(&seed, k + m, m));
			check_lost(&s, some(&seed, k + m, m + 1));
			step_end(&s);
		}
	}
}

static void one_codec(struct seed *seed, uint32_t codec, uint32_t k, uint32_t m)
{
	uint32_t size = codec == CDX_EC_JERASURE_CAUCHY ? 8192 : 66;
	struct step s;

	step_begin(&s, codec, k, m, size);
	step_random(&s, seed);
	for (unsigned i = 0; i < 8; i++)
		check_lost(&s, some(seed, k + m, m));
	step_end(&s);
}

/* Every other codec that is here */
static void other_codecs(void **state)
{
	struct seed seed = seed_start("other_codecs");

	(void)state;
	for (uint32_t codec = CDX_EC_ISA_L_VAND; codec < CDX_EC_CODECS;
	     codec++) {
		if (!had(codec))
			continue;
		one_codec(&seed, codec, 5, 3);
		/* its library loses memory with every further geometry */
		if (codec == CDX_EC_LIBEC_VAND)
			continue;
		for (uint32_t k = 1; k <= 6; k++)
			for (uint32_t m = 1; m <= 4; m++)
				one_codec(&seed, codec, k, m);
		if (codec != CDX_EC_ISA_L_VAND)
			one_codec(&seed, codec, 20, 12);
	}
}

/* Blocks that lie where decode would put them are not copied onto themselves
 * (the sanitizers would see it). */
static void decode_in_place(void **state)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX] = {NULL};
	struct seed seed = seed_start("decode_in_place");
	struct step s;

	(void)state;
	step_begin(&s, CDX_EC_ISA_L_CAUCHY, 4, 2, 1024);
	step_random(&s, &seed);
	memcpy(s.out, s.columns, 4 * 1024);
	memset(s.out + 1024, 0, 2 * 1024);
	blocks[0] = s.out;
	blocks[3] = s.out + 3 * 1024;
	blocks[4] = column(&s, 4);
	blocks[5] = column(&s, 5);
	assert_int_equal(cdx_ec_decode(s.ec, s.out, blocks), 0);
	assert_memory_equal(s.out, s.columns, 4 * 1024);
	step_end(&s);
}

/* The block to be rebuilt is not looked at, even when there is one. */
static void rebuild_ignores_its_own(void **state)
{
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX] = {NULL};
	struct seed seed = seed_start("rebuild_ignores_its_own");
	uint8_t wrong[1024] = {1};
	struct step s;

	(void)state;
	step_begin(&s, CDX_EC_ISA_L_CAUCHY, 3, 2, 1024);
	step_random(&s, &seed);
	for (uint32_t want = 0; want < 5; want++) {
		for (uint32_t i = 0; i < 5; i++)
			blocks[i] = i == want ? wrong : column(&s, i);
		assert_int_equal(cdx_ec_rebuild(s.ec, s.out, want, blocks), 0);
		assert_memory_equal(s.out, column(&s, want), 1024);
	}
	assert_int_equal(cdx_ec_rebuild(s.ec, s.out, 5, blocks), -EINVAL);
	blocks[1] = NULL;
	blocks[2] = NULL;
	/* three there, one of them the wanted one */
	assert_int_equal(cdx_ec_rebuild(s.ec, s.out, 0, blocks), -ENODATA);
	step_end(&s);
}

/* ---- the code ---- */

static void linear(void **state)
{
	struct seed seed = seed_start("linear");

	(void)state;
	for (uint32_t codec = CDX_EC_ISA_L_CAUCHY; codec < CDX_EC_CODECS;
	     codec++) {
		struct step a;
		struct step b;
		struct step both;

		if (!had(codec))
			continue;
		step_begin(&a, codec, 5, 3, 8192);
		step_begin(&b, codec, 5, 3, 8192);
		step_begin(&both, codec, 5, 3, 8192);
		step_random(&a, &seed);
		step_random(&b, &seed);
		for (size_t i = 0; i < 5 * 8192; i++)
			both.columns[i] = a.columns[i] ^ b.columns[i];
		encode(&both);
		for (size_t i = 0; i < 8 * 8192; i++)
			assert_int_equal(both.columns[i],
					 a.columns[i] ^ b.columns[i]);
		/* and what is not zero has no parity of zeros */
		memset(a.columns, 0, 5 * 8192);
		encode(&a);
		for (size_t i = 0; i < 8 * 8192; i++)
			assert_int_equal(a.columns[i], 0);
		step_end(&a);
		step_end(&b);
		step_end(&both);
	}
}

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
	unsigned r = 0;

	for (unsigned i = 0; i < 8; i++)
		if (b >> i & 1)
			r ^= (unsigned)a << i;
	for (unsigned i = 15; i >= 8; i--)
		if (r >> i & 1)
			r ^= 0x11du << (i - 8);
	return (uint8_t)r;
}

static uint8_t gf_inverse(uint8_t a)
{
	uint8_t x = 1;

	while (gf_mul(a, x) != 1)
		x++;
	return x;
}

/* The parity of codec 1 is written down in docs/FORMATS.md: over GF(2^8) with
 * polynomial 0x11D, coefficient of data i in parity j is 1 / ((k + j) ^ i). */
static void cauchy_as_documented(void **state)
{
	static const uint32_t shapes[][2] = {{1, 1}, {4, 2}, {8, 4}, {20, 12}};
	struct seed seed = seed_start("cauchy_as_documented");

	(void)state;
	for (size_t n = 0; n < CDX_ARRAY_LEN(shapes); n++) {
		uint32_t k = shapes[n][0];
		uint32_t m = shapes[n][1];
		struct step s;

		step_begin(&s, CDX_EC_ISA_L_CAUCHY, k, m, 131);
		step_random(&s, &seed);
		for (uint32_t j = 0; j < m; j++) {
			for (uint32_t at = 0; at < s.size; at++) {
				uint8_t want = 0;

				for (uint32_t i = 0; i < k; i++)
					want ^= gf_mul(
						column(&s, i)[at],
						gf_inverse((uint8_t)((k + j) ^
								     i)));
				assert_int_equal(column(&s, k + j)[at], want);
			}
		}
		step_end(&s);
	}
}

/* The ISA-L codecs work byte by byte: parity of a block is that of its pieces,
 * one behind the other.  Small pieces are coded by liberasurecode, large blocks
 * by ISA-L directly, so this compares the two as well. */
static void parity_of_pieces(void **state)
{
	const uint32_t size = 16384;
	const uint32_t piece = 256;
	struct seed seed = seed_start("parity_of_pieces");

	(void)state;
	for (uint32_t k = 1; k <= 31; k++) {
		uint32_t m = 1 + (uint32_t)seed_below(&seed, 32 - k);
		struct step whole;
		struct step part;

		step_begin(&whole, CDX_EC_ISA_L_CAUCHY, k, m, size);
		step_random(&whole, &seed);
		step_begin(&part, CDX_EC_ISA_L_CAUCHY, k, m, piece);
		for (uint32_t at = 0; at < size; at += piece) {
			for (uint32_t i = 0; i < k; i++)
				memcpy(part.columns + (size_t)i * piece,
				       column(&whole, i) + at, piece);
			encode(&part);
			for (uint32_t j = k; j < k + m; j++)
				assert_memory_equal(column(&part, j),
						    column(&whole, j) + at,
						    piece);
		}
		step_end(&whole);
		step_end(&part);
	}
}

/* ---- many threads on one encoder, while others come and go ---- */

#define THREADS 4

struct shared {
	struct step *step;
	uint64_t seed;
	atomic_int bad;
};

static int one_round(struct shared *sh, struct seed *seed, uint8_t *out)
{
	const struct step *s = sh->step;
	const uint8_t *blocks[CDX_EC_COLUMNS_MAX];
	uint32_t lost = some(seed, s->k + s->m, s->m);
	struct cdx_ec_parity p;
	struct cdx_ec *other;
	uint32_t want;
	int bad;

	if (cdx_ec_new(&other, CDX_EC_ISA_L_CAUCHY, s->k, s->m, s->size) < 0)
		return 1;
	bad = cdx_ec_encode(s->ec, &p, s->columns) != 0;
	for (uint32_t j = 0; !bad && j < s->m; j++)
		bad = memcmp(p.block[j], column(s, s->k + j), s->size) != 0;
	cdx_ec_parity_free(s->ec, &p);
	for (uint32_t i = 0; i < s->k + s->m; i++)
		blocks[i] = lost >> i & 1 ? NULL : column(s, i);
	want = (uint32_t)__builtin_ctz(lost);
	bad |= cdx_ec_rebuild(s->ec, out, want, blocks) != 0 ||
	       memcmp(out, column(s, want), s->size) != 0;
	bad |= cdx_ec_decode(other, out, blocks) != 0 ||
	       memcmp(out, s->columns, (size_t)s->k * s->size) != 0;
	cdx_ec_free(other);
	return bad;
}

static void *worker(void *arg)
{
	struct shared *sh = arg;
	struct seed seed = {sh->seed};
	uint8_t *out = malloc((size_t)sh->step->k * sh->step->size);

	if (!out)
		atomic_fetch_add(&sh->bad, 1);
	for (unsigned i = 0; out && i < 100; i++)
		if (one_round(sh, &seed, out))
			atomic_fetch_add(&sh->bad, 1);
	free(out);
	return NULL;
}

static void threads(void **state)
{
	struct seed seed = seed_start("threads");
	struct shared sh[THREADS];
	pthread_t thread[THREADS];
	struct step s;

	(void)state;
	step_begin(&s, CDX_EC_ISA_L_CAUCHY, 6, 3, 4096);
	step_random(&s, &seed);
	for (unsigned i = 0; i < THREADS; i++) {
		sh[i] = (struct shared){.step = &s, .seed = seed_u64(&seed)};
		assert_int_equal(
			pthread_create(&thread[i], NULL, worker, &sh[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], NULL), 0);
		assert_int_equal(atomic_load(&sh[i].bad), 0);
	}
	step_end(&s);
}

/* ---- what is refused ---- */

static void refuse(int want, const char *words, uint32_t codec, uint32_t k,
		   uint32_t m, uint32_t size)
{
	char why[CDX_EC_WHY_MAX] = "";
	struct cdx_ec *ec = (struct cdx_ec *)why;

	assert_int_equal(cdx_ec_check(codec, k, m, size, why), want);
	if (!strstr(why, words))
		fail_msg("'%s' does not say '%s'", why, words);
	assert_true(strlen(why) < CDX_EC_WHY_MAX - 1);
	assert_int_equal(cdx_ec_new(&ec, codec, k, m, size), want);
	assert_null(ec);
}

static void refusals(void **state)
{
	char why[CDX_EC_WHY_MAX];

	(void)state;
	refuse(-EINVAL, "k is 0", 1, 0, 3, 1024);
	refuse(-EINVAL, "block size is 0", 1, 2, 3, 0);
	refuse(-EINVAL, "k + m is 40; at most 32", 1, 30, 10, 1024);
	refuse(-EINVAL, "k + m is 33; at most 32", 1, 1, 32, 1024);
	refuse(-EINVAL, "k + m is 4294967296", 1, 1, UINT32_MAX, 1024);
	refuse(-EINVAL, "k + m is 33", CDX_EC_LEOPARD, 33, 0, 1024);
	refuse(-EINVAL, "isa_l_rs_vand", CDX_EC_ISA_L_VAND, 8, 5, 1024);
	refuse(-EINVAL, "multiple of 2", CDX_EC_LIBEC_VAND, 2, 1, 63);
	refuse(-EINVAL, "multiple of 2", CDX_EC_JERASURE_VAND, 2, 1, 63);
	refuse(-EINVAL, "multiple of 8192", CDX_EC_JERASURE_CAUCHY, 2, 1, 4096);
	refuse(-EINVAL, "1 GiB", 1, 31, 1, 64u << 20);
	refuse(CDX_E_CODEC, "Leopard", CDX_EC_LEOPARD, 2, 1, 1024);
	refuse(CDX_E_CODEC, "Leopard", CDX_EC_LEOPARD, 100, 50, 65536);
	refuse(CDX_E_CODEC, "number 6", CDX_EC_CODECS, 2, 1, 1024);
	refuse(CDX_E_CODEC, "number 4294967295", UINT32_MAX, 2, 1, 1024);
	assert_int_equal(cdx_ec_check(CDX_EC_ISA_L_VAND, 8, 4, 1024, why), 0);
	assert_int_equal(cdx_ec_check(1, 31, 1, 1024, why), 0);
	assert_int_equal(cdx_ec_check(1, 1, 31, 1, why), 0);
}

/* Without parity nothing is coded, whatever the codec is said to be. */
static void no_parity(void **state)
{
	static const uint32_t codecs[] = {CDX_EC_LEOPARD, CDX_EC_ISA_L_CAUCHY,
					  77};
	const uint8_t *blocks[3];

	(void)state;
	for (size_t i = 0; i < CDX_ARRAY_LEN(codecs); i++) {
		struct step s;

		step_begin(&s, codecs[i], 3, 0, 100);
		memset(s.columns, 7, 300);
		encode(&s);
		for (uint32_t j = 0; j < 3; j++)
			blocks[j] = column(&s, j);
		assert_int_equal(cdx_ec_decode(s.ec, s.out, blocks), 0);
		assert_memory_equal(s.out, s.columns, 300);
		assert_int_equal(cdx_ec_rebuild(s.ec, s.out, 0, blocks),
				 -ENODATA);
		blocks[1] = NULL;
		assert_int_equal(cdx_ec_decode(s.ec, s.out, blocks), -ENODATA);
		assert_int_equal(cdx_ec_rebuild(s.ec, s.out, 1, blocks),
				 -ENODATA);
		step_end(&s);
	}
	cdx_ec_free(NULL);
}

static void names(void **state)
{
	(void)state;
	assert_string_equal(cdx_ec_name(0), "leopard");
	assert_string_equal(cdx_ec_name(1), "isa_l_rs_cauchy");
	assert_null(cdx_ec_name(CDX_EC_CODECS));
	assert_null(cdx_ec_name(UINT32_MAX));
	for (uint32_t i = 0; i < CDX_EC_CODECS; i++)
		assert_int_equal(cdx_ec_by_name(cdx_ec_name(i)), i);
	assert_int_equal(cdx_ec_by_name("flat_xor_hd"), -ENOENT);
	assert_int_equal(cdx_ec_by_name(""), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(refusals),
		cmocka_unit_test(no_parity),
		cmocka_unit_test(block_sizes),
		cmocka_unit_test(every_pattern),
		cmocka_unit_test(random_patterns),
		cmocka_unit_test(other_codecs),
		cmocka_unit_test(decode_in_place),
		cmocka_unit_test(rebuild_ignores_its_own),
		cmocka_unit_test(linear),
		cmocka_unit_test(cauchy_as_documented),
		cmocka_unit_test(parity_of_pieces),
		cmocka_unit_test(threads),
	};
	char why[CDX_EC_WHY_MAX];

	if (cdx_ec_check(CDX_EC_ISA_L_CAUCHY, 2, 1, 64, why) < 0) {
		puts(why);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
