/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proof/proof_json.h"
#include "proof/zkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Longer ones cost seconds in the sums of points and find nothing more */
#define SIZE_MAX_CHECKED (32u << 10)

/* w1 * (w2 + w3) = ..., of which keys see A and B only; keys of the corpus are
 * for this circuit, one public input */
static uint32_t rows_a[] = {0, 1};
static uint32_t rows_b[] = {0, 2};
static uint32_t rows_c[] = {0, 0};
static struct cdx_r1cs_term terms_a[] = {{1, 0}};
static struct cdx_r1cs_term terms_b[] = {{2, 0}, {3, 1}};

static void check_circuit(const struct cdx_zkey *k, const uint8_t random[32])
{
	char why[CDX_PROOF_WHY_MAX] = "";
	uint64_t labels[4] = {0, 1, 2, 3};
	struct cdx_fr coefs[2] = {cdx_fr_one, cdx_fr_one};
	const struct cdx_r1cs r = {
		.wires = 4,
		.public_inputs = 1,
		.labels = 4,
		.label = labels,
		.constraints = 1,
		.coefs = 2,
		.coef = coefs,
		.m = {{rows_a, terms_a}, {rows_b, terms_b}, {rows_c, NULL}},
	};

	cdx_fr_add(&coefs[1], &coefs[1], &coefs[1]);
	if (cdx_zkey_check(k, &r, random, why) < 0 && why[0] == '\0')
		abort();
}

/* Whatever opens can be checked, and its verification key comes back from its
 * text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t random[32] = {7};
	char why[CDX_PROOF_WHY_MAX] = "";
	struct cdx_buf text = {0};
	struct cdx_zkey k;
	struct cdx_vk vk;
	struct cdx_vk again;

	if (cdx_zkey_open(&k, data, size, why) < 0) {
		/* always says what is wrong */
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (size > SIZE_MAX_CHECKED)
		return 0;
	check_circuit(&k, random);
	if (cdx_zkey_check(&k, NULL, random, why) < 0) {
		if (why[0] == '\0')
			abort();
		return 0;
	}
	if (cdx_zkey_vk(&vk, &k) < 0 || cdx_vk_write(&text, &vk) < 0 ||
	    (k.public_inputs <= CDX_PUBLIC_MAX &&
	     cdx_vk_read(&again, (const char *)text.p, text.len, why) < 0))
		abort();
	if (k.public_inputs <= CDX_PUBLIC_MAX)
		cdx_vk_free(&again);
	cdx_vk_free(&vk);
	cdx_buf_free(&text);
	return 0;
}
