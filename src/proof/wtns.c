/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/wtns.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/err.h"
#include "bn254/fr_modulus.h"
#include "crypto/hash.h"
#include "proof/binfile.h"

#define VERSION 2u
#define SECTION_HEADER 1u
#define SECTION_VALUES 2u
#define SECTIONS 2u
#define HEADER_BYTES (CDX_BINFILE_MODULUS_BYTES + 4)

static int read_header(uint32_t *wires, const struct cdx_binfile *f,
		       char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int r = cdx_binfile_section(&c, f, SECTION_HEADER, why);

	if (r == 0)
		r = cdx_binfile_modulus(&c, fr_modulus.m, "the prime", why);
	if (r < 0)
		return r;
	*wires = cdx_cursor_le32(&c);
	if (cdx_cursor_done(&c) < 0 || *wires == 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section 1 is not a witness's header");
	return 0;
}

static int read_values(struct cdx_fr *w, uint32_t wires, const uint8_t *p,
		       char why[CDX_PROOF_WHY_MAX])
{
	for (uint32_t i = 0; i < wires; i++)
		if (cdx_fr_from_bytes(&w[i], p + (size_t)i * CDX_FR_BYTES) < 0)
			return cdx_refuse(why, CDX_E_FORMAT,
					  "wire %" PRIu32
					  ": not below the prime",
					  i);
	if (!cdx_fr_equal(&w[0], &cdx_fr_one))
		return cdx_refuse(why, CDX_E_FORMAT, "wire 0 is not one");
	return 0;
}

int cdx_wtns_read(struct cdx_fr **out, uint32_t *wires, const uint8_t *p,
		  size_t len, char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_binfile f;
	const uint8_t *values;
	struct cdx_fr *w;
	uint32_t n = 0;
	int r = cdx_binfile_open(&f, p, len, "wtns", VERSION, why);

	if (r == 0)
		r = read_header(&n, &f, why);
	if (r == 0)
		r = cdx_binfile_array(&values, &f, SECTION_VALUES, n,
				      CDX_FR_BYTES, why);
	if (r < 0)
		return r;
	w = calloc(n, sizeof(*w));
	if (!w)
		return -ENOMEM;
	r = read_values(w, n, values, why);
	if (r < 0) {
		cdx_wipe(w, n * sizeof(*w));
		free(w);
		return r;
	}
	*out = w;
	*wires = n;
	return 0;
}

int cdx_wtns_write(struct cdx_buf *out, const struct cdx_fr *w, uint32_t wires)
{
	size_t size = (size_t)wires * CDX_FR_BYTES; /* that of @w, so it fits */
	uint8_t *p;

	cdx_binfile_put_header(out, "wtns", VERSION, SECTIONS);
	cdx_binfile_put_section(out, SECTION_HEADER, HEADER_BYTES);
	cdx_binfile_put_modulus(out, fr_modulus.m);
	cdx_buf_le32(out, wires);
	cdx_binfile_put_section(out, SECTION_VALUES, size);
	/* in one piece: a buffer that grows leaves copies behind, and these are
	 * the cells' content */
	p = cdx_buf_extend(out, size);
	for (uint32_t i = 0; p && i < wires; i++)
		cdx_fr_to_bytes(p + (size_t)i * CDX_FR_BYTES, &w[i]);
	return cdx_buf_ok(out);
}
