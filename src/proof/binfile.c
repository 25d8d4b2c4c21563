/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "proof/binfile.h"

#include <inttypes.h>
#include <string.h>

#include "base/err.h"

#define MAGIC_BYTES 4u
#define MODULUS_LIMBS 4u
#define MODULUS_LEN (8 * MODULUS_LIMBS)

static const struct cdx_binfile_section *find(const struct cdx_binfile *f,
					      uint32_t id)
{
	for (unsigned i = 0; i < f->sections; i++)
		if (f->section[i].id == id)
			return &f->section[i];
	return NULL;
}

/* Reads one section into the next place of @f */
static int open_section(struct cdx_binfile *f, struct cdx_cursor *c,
			char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_binfile_section *s = &f->section[f->sections];
	uint64_t size;

	s->id = cdx_cursor_le32(c);
	size = cdx_cursor_le64(c);
	if (c->fail)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "the file ends after %u sections",
				  f->sections);
	if (size > c->left)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section %" PRIu32 ": %" PRIu64
				  " bytes, but %zu are left",
				  s->id, size, c->left);
	if (find(f, s->id))
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section %" PRIu32 " is there twice", s->id);
	s->len = (size_t)size;
	s->p = cdx_cursor_take(c, s->len);
	f->sections++;
	return 0;
}

static int open_header(uint32_t *sections, struct cdx_cursor *c,
		       const char magic[5], uint32_t version,
		       char why[CDX_PROOF_WHY_MAX])
{
	uint8_t letters[MAGIC_BYTES];
	uint32_t v;

	cdx_cursor_get(c, letters, sizeof(letters));
	v = cdx_cursor_le32(c);
	*sections = cdx_cursor_le32(c);
	if (c->fail || memcmp(letters, magic, sizeof(letters)) != 0)
		return cdx_refuse(why, CDX_E_FORMAT, "not a .%s file", magic);
	if (v != version)
		return cdx_refuse(why,
				  v > version ? CDX_E_VERSION : CDX_E_FORMAT,
				  "version %" PRIu32 ", not %" PRIu32, v,
				  version);
	if (*sections > CDX_BINFILE_SECTIONS_MAX)
		return cdx_refuse(why, CDX_E_FORMAT, "%" PRIu32 " sections",
				  *sections);
	return 0;
}

int cdx_binfile_open(struct cdx_binfile *out, const uint8_t *p, size_t len,
		     const char magic[5], uint32_t version,
		     char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_binfile f = {.sections = 0};
	struct cdx_cursor c = cdx_cursor_init(p, len);
	uint32_t sections = 0;
	int r = open_header(&sections, &c, magic, version, why);

	while (r == 0 && f.sections < sections)
		r = open_section(&f, &c, why);
	if (r < 0)
		return r;
	if (c.left > 0)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "%zu bytes after the last section", c.left);
	*out = f;
	return 0;
}

bool cdx_binfile_has(const struct cdx_binfile *f, uint32_t id)
{
	return find(f, id) != NULL;
}

int cdx_binfile_section(struct cdx_cursor *out, const struct cdx_binfile *f,
			uint32_t id, char why[CDX_PROOF_WHY_MAX])
{
	const struct cdx_binfile_section *s = find(f, id);

	if (!s)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section %" PRIu32 " is missing", id);
	*out = cdx_cursor_init(s->p, s->len);
	return 0;
}

int cdx_binfile_array(const uint8_t **out, const struct cdx_binfile *f,
		      uint32_t id, uint64_t count, size_t size,
		      char why[CDX_PROOF_WHY_MAX])
{
	struct cdx_cursor c;
	int r = cdx_binfile_section(&c, f, id, why);

	if (r < 0)
		return r;
	if (c.left % size != 0 || c.left / size != count)
		return cdx_refuse(why, CDX_E_FORMAT,
				  "section %" PRIu32 ": %zu bytes, not %" PRIu64
				  " times %zu",
				  id, c.left, count, size);
	*out = cdx_cursor_take(&c, c.left);
	return 0;
}

int cdx_binfile_modulus(struct cdx_cursor *c, const uint64_t m[4],
			const char *name, char why[CDX_PROOF_WHY_MAX])
{
	uint32_t len = cdx_cursor_le32(c);
	uint64_t differs = 0;

	if (!c->fail && len != MODULUS_LEN)
		return cdx_refuse(why, CDX_E_CODEC,
				  "%s of %" PRIu32 " bytes, not %u", name, len,
				  MODULUS_LEN);
	for (size_t i = 0; i < MODULUS_LIMBS; i++)
		differs |= cdx_cursor_le64(c) ^ m[i];
	if (c->fail)
		return cdx_refuse(why, CDX_E_FORMAT, "%s is cut off", name);
	if (differs)
		return cdx_refuse(why, CDX_E_CODEC, "%s is not that of BN254",
				  name);
	return 0;
}

void cdx_binfile_put_header(struct cdx_buf *b, const char magic[5],
			    uint32_t version, uint32_t sections)
{
	cdx_buf_put(b, magic, MAGIC_BYTES);
	cdx_buf_le32(b, version);
	cdx_buf_le32(b, sections);
}

void cdx_binfile_put_section(struct cdx_buf *b, uint32_t id, uint64_t size)
{
	cdx_buf_le32(b, id);
	cdx_buf_le64(b, size);
}

void cdx_binfile_put_modulus(struct cdx_buf *b, const uint64_t m[4])
{
	cdx_buf_le32(b, MODULUS_LEN);
	for (size_t i = 0; i < MODULUS_LIMBS; i++)
		cdx_buf_le64(b, m[i]);
}
