/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "erasure/isal.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "erasure/codec.h"

/* bytes of table for each coefficient */
#define TABLE 32u

struct ec_isal {
	uint32_t k;
	uint32_t m;
	uint8_t tables[];
};

/* From <isa-l/erasure_code.h>; what is only read is const here. */
static struct {
	void (*gen_matrix)(uint8_t *matrix, int columns, int k);
	void (*init_tables)(int k, int rows, const uint8_t *matrix,
			    uint8_t *tables);
	void (*encode)(int len, int k, int rows, const uint8_t *tables,
		       const uint8_t *const *data, uint8_t *const *coding);
	bool found;
} lib;

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ISO C has no conversion from an object pointer to a function pointer. */
static bool find(void *handle, void *function, const char *name)
{
	void *symbol = dlsym(handle, name);

	memcpy(function, &symbol, sizeof(symbol));
	return symbol != NULL;
}

/* The name that liberasurecode opens; it stays open. */
static void load(void)
{
	void *handle = dlopen("libisal.so.2", RTLD_NOW | RTLD_LOCAL);

	lib.found = handle &&
		    find(handle, &lib.gen_matrix, "gf_gen_cauchy1_matrix") &&
		    find(handle, &lib.init_tables, "ec_init_tables") &&
		    find(handle, &lib.encode, "ec_encode_data");
}

struct ec_isal *ec_isal_new(uint32_t k, uint32_t m)
{
	uint8_t matrix[CDX_EC_COLUMNS_MAX * CDX_EC_COLUMNS_MAX];
	struct ec_isal *isal;

	pthread_once(&once, load);
	if (!lib.found)
		return NULL;
	isal = malloc(sizeof(*isal) + (size_t)TABLE * k * m);
	if (!isal)
		return NULL;
	isal->k = k;
	isal->m = m;
	/* k rows of the unit matrix, then those of parity */
	lib.gen_matrix(matrix, (int)(k + m), (int)k);
	lib.init_tables((int)k, (int)m, matrix + (size_t)k * k, isal->tables);
	return isal;
}

void ec_isal_free(struct ec_isal *isal)
{
	free(isal);
}

void ec_isal_encode(const struct ec_isal *isal, uint8_t *parity,
		    const uint8_t *stripe, uint32_t size)
{
	const uint8_t *data[CDX_EC_COLUMNS_MAX];
	uint8_t *coding[CDX_EC_COLUMNS_MAX];

	for (uint32_t i = 0; i < isal->k; i++)
		data[i] = stripe + (size_t)i * size;
	for (uint32_t j = 0; j < isal->m; j++)
		coding[j] = parity + (size_t)j * size;
	lib.encode((int)size, (int)isal->k, (int)isal->m, isal->tables, data,
		   coding);
}
