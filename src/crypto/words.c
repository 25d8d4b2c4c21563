/* SPDX-License-Identifier: Apache-2.0 OR MIT */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "crypto/keys.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "crypto/hash.h"
#include "crypto/internal.h"

/* Each word carries 11 bits; 256 bits of entropy and 8 of checksum fill 24. */
#define WORD_BITS 11u
#define RAW_LEN (sizeof(struct cdx_root) + 1)

_Static_assert(RAW_LEN * 8 == (size_t)CDX_WORDS * WORD_BITS, "bits of words");
_Static_assert(CDX_WORDLIST_LEN == 1u << WORD_BITS, "length of the list");

void cdx_root_random(struct cdx_root *out)
{
	cdx_random(out, sizeof(*out));
}

static uint8_t checksum(const uint8_t *entropy)
{
	struct cdx_digest d;
	uint8_t first;

	cdx_sha256(&d, entropy, sizeof(struct cdx_root));
	first = d.b[0];
	cdx_wipe(&d, sizeof(d));
	return first;
}

void cdx_words_encode(char out[CDX_WORDS_TEXT_MAX], const struct cdx_root *root)
{
	uint8_t raw[RAW_LEN];
	uint32_t acc = 0;
	unsigned bits = 0;
	char *p = out;

	memcpy(raw, root->b, sizeof(root->b));
	raw[sizeof(root->b)] = checksum(root->b);
	for (size_t i = 0; i < sizeof(raw); i++) {
		const char *word;

		/* at most 10 old bits and 8 new ones: never two words */
		acc = (acc << 8) | raw[i];
		bits += 8;
		if (bits < WORD_BITS)
			continue;
		bits -= WORD_BITS;
		word = cdx_wordlist[(acc >> bits) % CDX_WORDLIST_LEN];
		if (p != out)
			*p++ = ' ';
		memcpy(p, word, strlen(word));
		p += strlen(word);
	}
	*p = '\0';
	cdx_wipe(raw, sizeof(raw));
	cdx_wipe(&acc, sizeof(acc));
}

static int word_cmp(const void *key, const void *item)
{
	return strcmp(key, item);
}

/* Reads one word behind blanks.  Returns its number in the list; -1 unknown;
 * -2 there is none.  Moves @at behind it. */
static int next_word(const char *text, size_t len, size_t *at)
{
	char word[CDX_WORD_MAX + 1] = {0};
	const char *found;
	size_t n = 0;

	while (*at < len && strchr(" \t\r\n\v\f", text[*at]) && text[*at])
		(*at)++;
	if (*at == len)
		return -2;
	for (; *at < len; (*at)++) {
		char c = text[*at];

		if (c && strchr(" \t\r\n\v\f", c))
			break;
		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		/* a NUL would hide what stands behind it */
		if (!c)
			c = '?';
		if (n < CDX_WORD_MAX)
			word[n] = c;
		n++;
	}
	if (n > CDX_WORD_MAX)
		return -1;
	found = bsearch(word, cdx_wordlist, CDX_WORDLIST_LEN,
			sizeof(cdx_wordlist[0]), word_cmp);
	cdx_wipe(word, sizeof(word));
	if (!found)
		return -1;
	return (int)((size_t)(found - cdx_wordlist[0]) /
		     sizeof(cdx_wordlist[0]));
}

/* Words to the 33 bytes that they carry. */
static int collect(uint8_t raw[RAW_LEN], unsigned *bad, const char *text,
		   size_t len)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	unsigned count = 0;
	size_t at = 0;
	size_t to = 0;
	int word;

	while ((word = next_word(text, len, &at)) != -2) {
		count++;
		if (word < 0) {
			*bad = count;
			return CDX_E_FORMAT;
		}
		if (count > CDX_WORDS)
			return CDX_E_FORMAT;
		acc = (acc << WORD_BITS) | (uint32_t)word;
		for (bits += WORD_BITS; bits >= 8; bits -= 8)
			raw[to++] = (uint8_t)(acc >> (bits - 8));
	}
	return count == CDX_WORDS ? 0 : CDX_E_FORMAT;
}

int cdx_words_decode(struct cdx_root *out, unsigned *bad, const char *text,
		     size_t len)
{
	uint8_t raw[RAW_LEN];
	unsigned wrong = 0;
	int err = collect(raw, &wrong, text, len);

	if (!err && raw[sizeof(out->b)] != checksum(raw))
		err = CDX_E_AUTH;
	if (!err)
		memcpy(out->b, raw, sizeof(out->b));
	if (bad)
		*bad = wrong;
	cdx_wipe(raw, sizeof(raw));
	return err;
}
